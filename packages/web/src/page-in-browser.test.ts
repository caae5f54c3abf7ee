/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestCompany, type TestCompany } from "./test-company.ts";

const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find((path) => existsSync(path));
const title = executablePath === undefined ? "in Chromium (skipped: no /usr/bin/chromium)" : "in Chromium";

describe.skipIf(executablePath === undefined)(title, () => {
  let company: TestCompany;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let complaints: string[];
  let paths: string[];

  beforeAll(async () => {
    company = await startTestCompany();
    const find = async (filter: Parameters<typeof company.catalog.history>[0]) => (await company.catalog.history(filter))[0]?.id;
    paths = [
      "/",
      "/assets",
      "/assets/web1/uploads",
      "/assets/db2/crm",
      "/jobs",
      `/jobs/${await find({ object: "db2/crm", results: ["failed"] })}`,
      `/jobs/${await find({ object: "web1/uploads", results: ["incomplete"] })}`,
      "/drills",
      `/drills/${await find({ kinds: ["drill"], results: ["passed"] })}`,
      `/drills/${await find({ kinds: ["drill"], results: ["failed"] })}`,
      "/nothing",
    ];
    browser = await chromium.launch({
      ...(executablePath === undefined ? {} : { executablePath }),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    await openPage({});
  });
  afterAll(async () => {
    await browser?.close();
    await company?.close();
  });

  /** A page whose console errors, policy violations, failed and foreign requests are collected. */
  async function openPage(options: {
    readonly javaScriptEnabled?: boolean;
    readonly viewport?: { width: number; height: number };
  }): Promise<void> {
    await context?.close();
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
    page = await context.newPage();
    complaints = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("requestfailed", (request) => complaints.push(`failed: ${request.url()}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(company.web.url)) complaints.push(`foreign: ${request.url()}`);
    });
  }

  const open = (path: string) => page.goto(new URL(path, company.web.url).href);

  test("every page renders without JavaScript, with a heading and without a complaint", async () => {
    await openPage({ javaScriptEnabled: false });
    for (const path of paths) {
      const response = await open(path);
      expect([path, response?.status()]).toEqual([path, path === "/nothing" ? 404 : 200]);
      expect(await page.locator("h1").count(), path).toBe(1);
      expect((await page.locator("h1").boundingBox())?.height, path).toBeGreaterThan(0);
    }
    // The one page that is not found is told to the console by the browser itself.
    expect(complaints.filter((text) => !text.includes("404"))).toEqual([]);
  });

  test("what a hostile file name or cause says stays text: nothing of it runs, styles or loads", async () => {
    await openPage({ javaScriptEnabled: true });
    for (const path of paths) {
      await open(path);
      expect(await page.title()).not.toBe("owned");
      expect(await page.locator("main img, main style, main script").count(), path).toBe(0);
      expect(await page.locator("main").evaluate((main) => getComputedStyle(main.ownerDocument.body).display)).toBe("block");
    }
    expect(complaints.filter((text) => !text.includes("404"))).toEqual([]);
  });

  test("a stored report keeps its style and runs no script", async () => {
    await openPage({ javaScriptEnabled: true });
    const [report] = await company.catalog.drillReports({ drill: "shop-weekly", limit: 1 });
    await open(`/drills/${report?.runId}/report.html`);
    expect(await page.title()).toBe("Report");
    expect(complaints.some((text) => /script/i.test(text))).toBe(true);
    const color = await page.locator("p").evaluate((element) => getComputedStyle(element).color);
    expect(color).toBe("rgb(1, 2, 3)");
  });

  test("filters work by keyboard and without JavaScript, and the address can be shared", async () => {
    await openPage({ javaScriptEnabled: false });
    await open("/jobs");
    await page.getByLabel("Kind").selectOption("drill");
    await page.getByLabel("Result").focus();
    await page.keyboard.type("failed");
    await page.getByRole("button", { name: "Filter" }).press("Enter");
    await page.waitForURL(/kind=drill/);
    expect(new URL(page.url()).searchParams.get("result")).toBe("failed");
    expect(await page.locator("table.runs tbody tr").count()).toBe(1);
    const shared = page.url();
    await open("/");
    await page.goto(shared);
    expect(await page.getByLabel("Kind").inputValue()).toBe("drill");
    expect(await page.locator("table.runs tbody tr").count()).toBe(1);
  });

  test("by keyboard alone: the first stop skips to the content, and what stands behind a number opens", async () => {
    await openPage({ javaScriptEnabled: false });
    await open("/");
    await page.keyboard.press("Tab");
    expect(await page.locator(":focus").textContent()).toBe("Skip to content");
    const definition = page.locator("details.def").nth(1);
    await definition.locator("summary").focus();
    expect(await definition.locator("p").isVisible()).toBe(false);
    await page.keyboard.press("Enter");
    expect(await definition.locator("p").isVisible()).toBe(true);
  });

  test("text has a contrast of 4.5:1 and shapes and chart marks 3:1, computed from what is drawn", async () => {
    await openPage({ javaScriptEnabled: true });
    let looked = 0;
    for (const path of paths) {
      await open(path);
      const { count, low } = await page.evaluate(findLowContrast);
      expect([path, low]).toEqual([path, []]);
      looked += count;
    }
    expect(looked).toBeGreaterThan(1000);
    company.clock.set(company.clock.now() + 300_000);
    await open("/");
    expect(await page.locator(".stale.late").count()).toBe(1);
    expect((await page.evaluate(findLowContrast)).low).toEqual([]);
    company.clock.set(company.clock.now() + 900_000);
    await open("/");
    expect(await page.locator(".stale.silent").count()).toBe(1);
    expect((await page.evaluate(findLowContrast)).low).toEqual([]);
    company.clock.set(company.clock.now() - 1_200_000);
  });

  test("every state has a word and a shape beside its colour, and every chart says its figure in words", async () => {
    await openPage({ javaScriptEnabled: true });
    for (const path of paths) {
      await open(path);
      const bare = await page
        .locator(".mark")
        .evaluateAll((marks) =>
          marks
            .filter(
              (mark) =>
                mark.querySelector("svg.shape") === null || (mark.querySelector(".word")?.textContent ?? "").trim() === "",
            )
            .map((mark) => mark.outerHTML),
        );
      expect(bare, path).toEqual([]);
      const mute = await page
        .locator('svg[role="img"]')
        .evaluateAll((charts) => charts.filter((chart) => (chart.getAttribute("aria-label") ?? "").length < 3).length);
      expect(mute, path).toBe(0);
    }
    await open("/");
    const shapes = await page
      .locator(".mark")
      .evaluateAll((marks) => marks.map((mark) => [mark.className, mark.querySelector("svg")?.innerHTML ?? ""] as const));
    const byLevel = new Map(shapes);
    expect(byLevel.size).toBeGreaterThanOrEqual(3);
    expect(new Set(byLevel.values()).size).toBe(byLevel.size);
  });

  test("verdict, counts, the worst asset, its cause and its owner are on the first screen", async () => {
    await openPage({ viewport: { width: 1280, height: 800 } });
    await open("/");
    for (const text of ["Not fully protected", "6 of 7", "db2/crm", "the database refused the login", "dba@acme.example"]) {
      const box = await page.getByText(text).first().boundingBox();
      expect([text, (box?.y ?? 9999) + (box?.height ?? 0) < 800]).toEqual([text, true]);
    }
  });

  test.each([
    ["a phone", { width: 360, height: 740 }],
    ["200 % zoom", { width: 640, height: 450 }],
  ])("on %s nothing is wider than the screen but tables, which scroll by themselves", async (_name, viewport) => {
    await openPage({ viewport });
    for (const path of paths) {
      await open(path);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      expect([path, wide]).toEqual([path, 0]);
    }
  });

  test("in print navigation and filters are gone, the verdict and the tables stay", async () => {
    await openPage({});
    await page.emulateMedia({ media: "print" });
    await open("/jobs");
    expect(await page.locator("form.filter").isVisible()).toBe(false);
    expect(await page.locator("nav").first().isVisible()).toBe(false);
    expect(await page.locator("table.runs").isVisible()).toBe(true);
    await open("/");
    expect(await page.locator(".verdict h1").isVisible()).toBe(true);
    const pdf = await page.pdf({ format: "A4" });
    expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
  });
});

/** Runs in the browser: text and shapes whose contrast with what lies behind them is too low. */
function findLowContrast(): { count: number; low: string[] } {
  type Colour = readonly [number, number, number, number];
  const parse = (text: string): Colour => {
    const [r = 0, g = 0, b = 0, a = 1] = (text.match(/[\d.]+/g) ?? []).map(Number);
    return [r, g, b, a];
  };
  const luminance = ([r, g, b]: Colour) => {
    const linear = (value: number) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const contrast = (one: Colour, other: Colour) => {
    const [low = 0, high = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (start: Element | null): Colour => {
    for (let element = start; element !== null; element = element.parentElement) {
      const colour = parse(getComputedStyle(element).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  let count = 0;
  const low = new Set<string>();
  const look = (element: Element, colour: string, least: number, what: string) => {
    count++;
    const ratio = contrast(parse(colour), behind(element));
    if (ratio < least) low.add(`${what} ${colour}: ${ratio.toFixed(2)}`);
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (
      element === null ||
      element.closest("svg") !== null ||
      (node.textContent ?? "").trim() === "" ||
      !element.checkVisibility()
    )
      continue;
    look(element, getComputedStyle(element).color, 4.5, `${element.tagName}.${element.className}`);
  }
  const marks =
    ".shape .fill, .bar .fill, .bar .objective, .strip .good, .strip .warning, .strip .bad, .strip .unknown, .strip .neutral, .strip .none";
  for (const element of document.querySelectorAll(marks))
    look(element, getComputedStyle(element).fill, 3, `svg .${element.getAttribute("class")}`);
  return { count, low: [...low] };
}
