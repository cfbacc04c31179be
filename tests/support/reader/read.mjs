// What a person reads in each panel: Grafana's own transformations, field configuration, units, mappings and links,
// applied to answers of the stores. In: JSON [{variables, panels: [{panel, answers}]}]. Out: for each of these a list
// with one object for each panel.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { framesOf } from "./frames.mjs";

globalThis.navigator ??= { language: "en-US", languages: ["en-US"] };
// Its other form cannot be imported by Node.
const data = createRequire(import.meta.url)("@grafana/data");

const STANDARD = "displayName unit min max decimals noValue mappings thresholds links color".split(" ");
const CUSTOM = "width cellOptions lineStyle".split(" ").map((name) => `custom.${name}`);
const property = (id) => ({
  id,
  path: id.replace("custom.", ""),
  name: id,
  isCustom: id.startsWith("custom."),
  process: (value) => value,
  shouldApply: () => true,
});
const registry = new data.FieldConfigOptionsRegistry(() => [...STANDARD, ...CUSTOM].map(property));
// One of them stands there twice, under an earlier name as well.
const transformers = new Map(Object.values(data.standardTransformers).map((one) => [one.id, one]));
data.standardTransformersRegistry.setInit(() => [...transformers.values()].map((one) => ({ ...one, transformation: () => one })));
globalThis.window ??= {};
data.locationUtil.initialize({ config: { appSubUrl: "" }, getVariablesUrlParams: () => ({}), getTimeRangeForUrl: () => ({}) });
const theme = data.createTheme();

// Grafana fills in what a link says of a value in its application, not in this library.
const filler = (variables) => (text, scoped) => {
  const { field, rowIndex, calculatedValue } = scoped?.__dataContext?.value ?? {};
  const raw = calculatedValue?.numeric ?? field?.values[rowIndex];
  return text.replace(/\$\{([\w.]+)(?::\w+)?\}/g, (whole, name) => {
    if (name === "__value.raw") return String(raw);
    if (name.startsWith("__field.labels.")) return field?.labels?.[name.slice("__field.labels.".length)] ?? "";
    return variables[name] ?? whole;
  });
};

const linksOf = (field, row) =>
  (field.getLinks?.({ valueRowIndex: row }) ?? []).map(({ title, href }) => ({ title, href }));
const shown = (field, value) => data.formattedValueToString(field.display(value));

const readers = {
  table: (frames) => {
    const [frame] = frames;
    if (!frame) return {};
    const columns = frame.fields.map((field) => ({
      heading: data.getFieldDisplayName(field, frame, frames),
      cells: Array.from(field.values, (value) => shown(field, value)),
      links: Array.from(field.values, (_, row) => linksOf(field, row)),
    }));
    return { columns };
  },
  timeseries: (frames, panel) => {
    const entries = frames.map((frame) => {
      const field = frame.fields[1];
      const calcs = panel.options.legend.calcs;
      const values = data.reduceField({ field, reducers: calcs });
      const told = calcs.map((calc) => shown(field, values[calc]));
      // Also what the pointer says over any point.
      const points = [...new Set(Array.from(field.values, (value) => shown(field, value)))];
      const links = linksOf(field, field.values.length - 1);
      return { name: data.getFieldDisplayName(field, frame, frames), told, points, links };
    });
    return { entries };
  },
  "state-timeline": (frames) => ({
    entries: frames.map((frame) => {
      const field = frame.fields[1];
      const states = Array.from(field.values, (value) => field.display(value));
      const told = [...new Map(states.map(({ text, color }) => [text, { text, color }])).values()];
      return { name: data.getFieldDisplayName(field, frame, frames), told: told.map(({ text }) => text), colours: told };
    }),
  }),
};

const reduced = (frames, panel, replaceVariables) => ({
  entries: data
    .getFieldDisplayValues({
      fieldConfig: panel.fieldConfig,
      reduceOptions: panel.options.reduceOptions,
      replaceVariables,
      theme,
      data: frames,
    })
    .map(({ display, field, getLinks, hasLinks }) => ({
      name: display.title ?? "",
      told: [data.formattedValueToString(display)],
      colour: display.color,
      links: hasLinks && getLinks ? getLinks({}).map(({ title, href }) => ({ title, href })) : [],
      unit: field.unit,
    })),
});
readers.stat = readers.gauge = reduced;

const read = async ({ panel, answers }, replaceVariables) => {
  const said = { type: panel.type, title: panel.title };
  if (panel.type === "logs") return { ...said, lines: answers.flatMap(({ rows }) => rows) };
  const given = framesOf(panel, answers).map((frame) => data.toDataFrame(frame));
  const made = await new Promise((resolve) =>
    data
      .transformDataFrame(panel.transformations ?? [], given, { interpolate: (text) => text })
      .subscribe(resolve),
  );
  const frames = data.applyFieldOverrides({
    data: made,
    fieldConfig: panel.fieldConfig,
    replaceVariables,
    theme,
    timeZone: "utc",
    fieldConfigRegistry: registry,
  });
  const full = frames.filter((frame) => frame.fields[0]?.values.length);
  // Grafana says this where nothing is.
  if (!full.length) return { ...said, empty: panel.fieldConfig.defaults.noValue ?? "No data" };
  return { ...said, ...readers[panel.type](full, panel, replaceVariables) };
};

const all = [];
for (const { variables, panels } of JSON.parse(readFileSync(0, "utf8"))) {
  const board = [];
  for (const panel of panels) board.push(await read(panel, filler(variables)));
  all.push(board);
}
process.stdout.write(JSON.stringify(all));
