/** Allow-lists of what may leave the browser. docs/reference/errors.md documents them, and tests compare both. */

import lists from "../policy.json";

const attributes: ReadonlySet<string> = new Set(lists.span_attributes);
const fields: ReadonlySet<string> = new Set(lists.log_fields);

export const SCRUBBED = "[scrubbed]";

/** Patterns that are removed from all text: mail address, token, 13 digits or more, query string, IP address. */
const PERSONAL =
  /[\w.%+-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+|\beyJ[\w-]+(?:\.[\w-]*)*|(?<!\d)\d(?:[ .+_-]?\d){12,18}(?!\d)|\?[\w%.[\]-]+=\S*|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])/g;

export const scrub = (text: string): string => text.slice(0, 300).replace(PERSONAL, SCRUBBED);

export type Value = string | number | boolean;

const kept = (allowed: ReadonlySet<string>, values: Record<string, Value>): Record<string, Value> =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([key]) => allowed.has(key))
      .map(([key, value]) => [key, typeof value === "string" ? scrub(value) : value]),
  );

export const spanAttributes = (values: Record<string, Value>): Record<string, Value> => kept(attributes, values);
export const logFields = (values: Record<string, Value>): Record<string, Value> => kept(fields, values);

/** Return one of our files as a path without host; any other file as a constant. */
export const sourceFile = (url: string | undefined): string => {
  const path = /\/assets\/frontend-[\w./-]+/.exec(url ?? "")?.[0];
  return path ? `app://${path}` : "app:///elsewhere";
};
