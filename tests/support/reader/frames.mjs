// Answers of the stores as the data frames that Grafana's data sources make of them.

const named = (legend, labels) =>
  legend ? legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? "") : JSON.stringify(labels);

const number = (text) => (text === "NaN" ? NaN : Number(text));

const overTime = ({ target, rows }) =>
  rows.map(({ metric, values, value }) => ({
    refId: target.refId,
    fields: [
      { name: "Time", type: "time", config: {}, values: (values ?? [value]).map(([time]) => time * 1000) },
      {
        name: "Value",
        type: "number",
        labels: metric,
        config: { displayNameFromDS: named(target.legendFormat, metric) },
        values: (values ?? [value]).map(([, text]) => number(text)),
      },
    ],
  }));

// One column for each label that any row has. A label that a row lacks is an empty text.
const table = ({ target, rows }, only) => {
  if (!rows.length) return [];
  const labels = [...new Set(rows.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const text = (label) => ({
    name: label,
    type: "string",
    config: { filterable: true },
    values: rows.map(({ metric }) => metric[label] ?? ""),
  });
  return [
    {
      refId: target.refId,
      fields: [
        { name: "Time", type: "time", config: {}, values: rows.map(({ value }) => value[0] * 1000) },
        ...labels.map(text),
        {
          name: only ? "Value" : `Value #${target.refId}`,
          type: "number",
          config: {},
          values: rows.map(({ value }) => number(value[1])),
        },
      ],
    },
  ];
};

const traces = ({ target, rows }) => {
  const field = (name, type, displayNameFromDS, value, config = {}) => ({
    name,
    type,
    config: { displayNameFromDS, ...config },
    values: rows.map(value),
  });
  // A link to Explore, which the data source itself lays over an id.
  const opens = [
    {
      title: "Trace: ${__value.raw}",
      url: "",
      internal: {
        datasourceUid: "tempo",
        datasourceName: "Tempo",
        query: { query: "${__value.raw}", queryType: "traceql" },
      },
    },
  ];
  return !rows.length
    ? []
    : [
        {
          refId: target.refId,
          fields: [
            field("traceID", "string", "Trace ID", (one) => one.traceID, { unit: "string", links: opens }),
            field("startTime", "time", "Start time", (one) => Number(one.startTimeUnixNano) / 1e6),
            field("traceService", "string", "Service", (one) => one.rootServiceName ?? ""),
            field("traceName", "string", "Name", (one) => one.rootTraceName ?? ""),
            field("traceDuration", "number", "Duration", (one) => one.durationMs ?? 0, { unit: "ms" }),
          ],
        },
      ];
};

/** The frames of a panel: `answers` has for each target the rows of its store's answer. */
export const framesOf = (panel, answers) =>
  answers.flatMap((answer) => {
    if (answer.target.datasource.type === "tempo") return traces(answer);
    return answer.target.format === "table" ? table(answer, answers.length === 1) : overTime(answer);
  });
