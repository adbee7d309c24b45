/** The same files of cases that pytest runs: same event, same mapping, same calls. */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { outcomes, type Program } from "../src/calls";

interface CaseFile {
  file: string;
  settings: { program: Program };
  cases: { name: string; event: Record<string, unknown>; expect: Expectation[] }[];
}

interface Expectation {
  status: string;
  mapping: string;
  row: unknown;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const python = process.env.PYTHON ?? ".venv/bin/python";
const said = execFileSync(python, ["-m", "browser", "programs"], { cwd: root, maxBuffer: 1 << 26 });
const files = JSON.parse(said.toString()) as CaseFile[];

describe.each(files)("$file", ({ settings, cases }) => {
  test.each(cases)("$name", (one) => {
    const found = outcomes(settings.program, one.event).map(({ status, mapping, calls }) => ({
      status,
      mapping,
      row: status === "mapped" ? JSON.parse(JSON.stringify(calls)) : null,
    }));
    expect(found).toEqual(one.expect.map(({ status, mapping, row }) => ({ status, mapping, row })));
  });
});

test("there are enough of them", () => {
  expect(files.flatMap(({ cases }) => cases).length).toBeGreaterThanOrEqual(60);
});
