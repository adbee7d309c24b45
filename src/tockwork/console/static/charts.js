// Draws what stands in `data-chart` with uPlot, in the page's colours, and anew when those or the page's width change.
(() => {
  const HEIGHT = 240;
  const colour = (place, tone) => {
    const probe = document.createElement("span");
    probe.className = tone;
    place.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const faint = (place) => {
    const probe = document.createElement("span");
    probe.className = "border";
    place.append(probe);
    const found = getComputedStyle(probe).borderTopColor;
    probe.remove();
    return found;
  };
  const seconds = (value) => {
    if (value == null) return "";
    if (value < 1) return `${Math.round(value * 1000)} ms`;
    if (value < 120) return `${+value.toFixed(1)} s`;
    if (value < 7200) return `${Math.round(value / 60)} min`;
    return `${Math.round(value / 3600)} h`;
  };
  const count = (value) => (value == null ? "" : value.toLocaleString("en"));
  const style = (dash) => (dash.length === 0 ? "solid" : dash[0] < 4 ? "dotted" : dash.length > 2 ? "double" : "dashed");
  const two = (number) => String(number).padStart(2, "0");
  const when = (step) => (self, at) => {
    if (at == null) return "";
    const date = new Date(at * 1000);
    const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
    return step >= 86400 ? day : `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  };
  const tick = (at) => {
    const date = new Date(at * 1000);
    if (at % 86400) return `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
    return date.toLocaleDateString("en", { month: "short", day: "numeric", timeZone: "UTC" });
  };
  const options = (place, chart) => {
    const shown = chart.unit === "s" ? seconds : count;
    const text = getComputedStyle(place).color;
    const axis = { stroke: text, grid: { stroke: faint(place), width: 1 }, ticks: { show: false } };
    return {
      width: place.clientWidth,
      height: HEIGHT,
      tzDate: (at) => uPlot.tzDate(new Date(at * 1000), "Etc/UTC"),
      cursor: { drag: { x: false, y: false } },
      legend: { markers: { width: 3 } },
      scales: { y: { range: (self, low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, space: 60, size: 34, values: (self, ticks) => ticks.map(tick) },
        { ...axis, size: 64, values: (self, ticks) => ticks.map((at) => (chart.unit !== "s" && at % 1 ? "" : shown(at))) },
      ],
      series: [
        { label: "", value: when(chart.step_s) },
        ...chart.series.map((line) => ({
          label: line.label,
          stroke: colour(place, `tone-${line.tone}`),
          width: 2,
          dash: line.dash.length ? line.dash : undefined,
          spanGaps: chart.unit === "s",
          points: { show: line.values.filter((value) => value != null).length < 40, size: 5 },
          value: (self, value) => shown(value),
        })),
      ],
    };
  };
  const draw = (place) => {
    const chart = JSON.parse(place.dataset.chart);
    place.plot?.destroy();
    const drawn = options(place, chart);
    drawn.legend.markers.dash = (self, index) => style(chart.series[index - 1]?.dash ?? []);
    place.plot = new uPlot(drawn, [chart.times, ...chart.series.map((line) => line.values)], place);
  };
  const places = document.querySelectorAll("[data-chart]");
  const sizes = new ResizeObserver((changes) => {
    for (const { target } of changes) {
      if (target.plot && target.plot.width !== target.clientWidth) {
        target.plot.setSize({ width: target.clientWidth, height: HEIGHT });
      }
    }
  });
  for (const place of places) {
    draw(place);
    sizes.observe(place);
  }
  new MutationObserver(() => places.forEach(draw)).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["data-bs-theme"],
  });
})();
