import { openCatalog } from "@lifeboat/catalog";
import { runProgram, statePaths } from "@lifeboat/host";
import { startWeb } from "./start-web.ts";

/** The page alone: `main.ts [--config FILE] [--state DIR] [--listen ADDRESS:PORT]`. `lifeboat up` starts it so. */
await runProgram("page", ["listen"], async (frame) => {
  const { config, clock, logger, stateFolder } = frame;
  const catalog = await openCatalog(statePaths(stateFolder).history, { clock });
  const web = await startWeb({ catalog, config, listen: frame.option("listen") ?? config.control.web.listen, clock, logger });
  frame.ready({ url: web.url });
  await frame.stopped;
  await web.close();
  await catalog.close();
});
