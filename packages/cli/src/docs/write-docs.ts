import { writeFileSync } from "node:fs";
import { generatedDocs } from "./generated-docs.ts";

/** `node packages/cli/src/docs/write-docs.ts`: writes the generated parts of docs/. A test holds them equal. */
for (const { file, render } of generatedDocs) writeFileSync(file, await render());
