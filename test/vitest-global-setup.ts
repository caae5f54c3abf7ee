import type { TestProject } from "vitest/node";
import { startSharedServices } from "./services/shared-services.ts";

declare module "vitest" {
  export interface ProvidedContext {
    sharedServicesUrl: string;
  }
}

/** Runs once per test run, in the runner's own process. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const services = await startSharedServices();
  project.provide("sharedServicesUrl", services.url);
  // Tests run with a known zone and without what would lead loopback clients astray.
  process.env["TZ"] = "UTC";
  for (const name of Object.keys(process.env)) {
    if (/^(https?_proxy|all_proxy|aws_ca_bundle)$/i.test(name)) delete process.env[name];
  }
  return services.stop;
}
