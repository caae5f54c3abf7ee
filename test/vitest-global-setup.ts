import { join } from "node:path";
import { startSharedServices } from "./services/shared-services.ts";

/** Runs once per test run, in the runner's own process; the processes of the tests inherit its environment. */
export default async function setUp(): Promise<() => Promise<void>> {
  const services = await startSharedServices();
  process.env.LIFEBOAT_TEST_SERVICES_URL = services.url;
  process.env.TZ = "UTC";
  // Programs by the hundred: without it half of their work is to compile the same files.
  process.env.NODE_COMPILE_CACHE ??= join(import.meta.dirname, "../node_modules/.cache/lifeboat/compiled");
  // What would lead loopback clients astray.
  for (const name of Object.keys(process.env)) {
    if (/^(https?_proxy|all_proxy|aws_ca_bundle)$/i.test(name)) delete process.env[name];
  }
  return services.stop;
}
