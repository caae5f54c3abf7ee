import { connect } from "node:net";

/** Whether something accepts connections on 127.0.0.1:port; with `banner`, whether it also greets with that text. */
export function canConnect(port: number, banner?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2000, () => settle(false));
    socket.once("error", () => settle(false));
    socket.once("close", () => settle(false));
    socket.once("connect", () => {
      if (banner === undefined) settle(true);
    });
    socket.once("data", (data) => settle(data.toString("latin1").startsWith(banner ?? "")));
  });
}
