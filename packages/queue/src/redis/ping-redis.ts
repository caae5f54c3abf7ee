import { connect } from "node:net";
import type { Clock } from "@lifeboat/model";

export type RedisPlace = { readonly path: string } | { readonly host: string; readonly port: number };

/** Sends one inline command and gives the first line of the answer ("+PONG", "-LOADING ..."). Rejects when there is none. */
export function sendInline(place: RedisPlace, command: "PING" | "SHUTDOWN", clock: Clock, timeoutMs = 5_000): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = new AbortController();
    const socket = connect(place);
    const end = (error: Error | undefined, line = "") => {
      timer.abort();
      socket.destroy();
      if (error === undefined) resolve(line);
      else reject(error);
    };
    let text = "";
    socket.once("connect", () => socket.write(`${command}\r\n`));
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      const at = text.indexOf("\r\n");
      if (at >= 0) end(undefined, text.slice(0, at));
      else if (text.length > 4096) end(new Error("this is not redis"));
    });
    socket.once("error", (error) => end(error));
    // SHUTDOWN answers by closing
    socket.once("close", () => end(command === "SHUTDOWN" ? undefined : new Error("connection closed")));
    clock.sleep(timeoutMs, timer.signal).then(
      () => end(new Error(`no answer within ${timeoutMs} ms`)),
      () => undefined,
    );
  });
}
