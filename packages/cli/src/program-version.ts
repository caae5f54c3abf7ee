import { readFileSync } from "node:fs";

/** From the room's package.json: the one place where it stands. */
export const programVersion: string = (
  JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string }
).version;
