import { renderCliReference } from "./render-cli-reference.ts";
import { renderConfigReference } from "./render-config-reference.ts";
import { renderErrorReference } from "./render-error-reference.ts";

const place = (name: string) => new URL(`../../../../docs/${name}`, import.meta.url);

export const generatedDocs: readonly { readonly file: URL; readonly render: () => string | Promise<string> }[] = [
  { file: place("cli.md"), render: renderCliReference },
  { file: place("config.md"), render: renderConfigReference },
  { file: place("errors.md"), render: renderErrorReference },
];
