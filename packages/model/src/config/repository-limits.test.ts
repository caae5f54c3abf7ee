import { expect, test } from "vitest";
import { parseConfig } from "./parse-config.ts";

const text = (line: string) => `version: 1
company: { name: Acme, timezone: Europe/Berlin }
repositories:
  main:
    url: /srv/repo
    password: { file: /etc/password }
    ${line}
`;
const parse = (line: string) => parseConfig([{ path: "lifeboat.yaml", text: text(line) }], { nowMs: 0 });
const limitsOf = (line: string) => {
  const { config, problems } = parse(line);
  expect(problems.filter(({ severity }) => severity === "error")).toEqual([]);
  return config!.repositories.get("main")!.limits;
};

test("limits are rates, by the company's clock where there are hours", () => {
  expect(limitsOf("prune: { every: 30d }")).toBeUndefined();
  expect(limitsOf("limit_upload: 10MiB/s")).toEqual({
    upload: 10 * 1024 ** 2,
    download: undefined,
    hours: [],
    timezone: "Europe/Berlin",
  });
  expect(
    limitsOf('limit_hours: [{ from: "22:00", to: "06:30", days: [fri, sat], upload: unlimited, download: 1MiB/s }]')!.hours,
  ).toEqual([{ fromMinute: 1320, toMinute: 390, days: [5, 6], upload: 0, download: 1024 ** 2 }]);
});

test.each([
  ["limit_upload: 10", "10 is no rate"],
  ["limit_upload: 10MiB", '"10MiB" is no rate'],
  ["limit_download: 1KiB/s", "64KiB/s or more"],
  ['limit_hours: [{ from: "24:00", to: "06:00" }]', '"24:00" is no time of day'],
  ['limit_hours: [{ from: "8:00", to: "06:00" }]', '"8:00" is no time of day'],
  ['limit_hours: [{ from: "08:00", to: "06:00", days: [monday] }]', "monday"],
])("%s is refused with its place", (line, message) => {
  const [problem] = parse(line).problems;
  expect(problem?.message).toContain(message);
  expect(problem?.place.line).toBe(7);
});
