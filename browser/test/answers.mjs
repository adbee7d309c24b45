// Answers lines of JSON with what the browser's code makes of them, for comparison with Python.
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const source = `
  export { resolve } from "./interpreter";
  export { matches } from "./trigger";
  export { outcomes } from "./calls";
  export { e164 } from "./person";
`;
const resolveDir = fileURLToPath(new URL("../src", import.meta.url));
const stdin = { contents: source, resolveDir, loader: "ts" };
const built = await build({ stdin, bundle: true, format: "esm", write: false });
const code = Buffer.from(built.outputFiles[0].contents).toString("base64");
const { resolve, matches, outcomes, e164 } = await import(`data:text/javascript;base64,${code}`);

const answer = {
  mapping: ({ instruction, event }) => {
    try {
      const value = resolve(instruction, event);
      return { ok: JSON.stringify(value) === undefined ? null : value };
    } catch {
      return { error: true };
    }
  },
  trigger: ({ instruction, event }) => ({ ok: matches(instruction, event) }),
  outcomes: ({ program, event }) => ({
    ok: outcomes(program, event).map(({ mapping, status, calls }) => ({
      mapping,
      status,
      row: status === "mapped" ? calls : null,
    })),
  }),
  phone: ({ text, dialling }) => ({ ok: e164(text, dialling) ?? null }),
};

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const asked = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(answer[asked.kind](asked))}\n`);
}
