// Makes calls with @segment/analytics-node as a script says, and prints what became of them.
//
// In:  {"settings": {...}, "calls": [["track", {...}], ...], "end": "flush" | "closeAndFlush"}
// Out: {"requests": number, "statuses": [200, ...], "delivered": ["messageId", ...], "failed": ["reason", ...]}
"use strict";

const { text } = require("node:stream/consumers");
const { Analytics } = require("@segment/analytics-node");

async function main() {
  const script = JSON.parse(await text(process.stdin));
  const analytics = new Analytics(script.settings);
  const said = { requests: 0, statuses: [], delivered: [], failed: [] };
  analytics.on("http_request", () => (said.requests += 1));
  analytics.on("http_response", (response) => said.statuses.push(response.status));
  analytics.on("error", (error) => said.failed.push(String(error.reason ?? error)));
  for (const [method, call] of script.calls) {
    analytics[method](call, (error, context) => {
      if (!error) said.delivered.push(context.event.messageId);
    });
  }
  if (script.end === "flush") await analytics.flush();
  else await analytics.closeAndFlush();
  process.stdout.write(JSON.stringify(said));
}

main();
