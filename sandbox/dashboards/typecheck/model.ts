// What a dashboard of this project may consist of: Grafana's types, narrowed to the kinds of panel and query in use, so
// that a key that Grafana does not know is an error. Grafana's Panel leaves options and queries open.
import type { AnnotationQuery, Dashboard, DataQuery, DataSourceRef, Panel, RowPanel, TableFieldOptions } from "@grafana/schema";
import type * as gauge from "@grafana/schema/dist/esm/raw/composable/gauge/panelcfg/x/GaugePanelCfg_types.gen";
import type * as logs from "@grafana/schema/dist/esm/raw/composable/logs/panelcfg/x/LogsPanelCfg_types.gen";
import type * as stat from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type * as statetimeline from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type * as table from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type * as timeseries from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

// Queries of these two stores left the schema package when they became plugins of their own.
interface PrometheusQuery extends DataQuery {
  datasource: { type: "prometheus"; uid: string };
  expr: string;
  range?: boolean;
  instant?: boolean;
  exemplar?: boolean;
  format?: "time_series" | "table" | "heatmap";
  legendFormat?: string;
}

interface LokiQuery extends DataQuery {
  datasource: { type: "loki"; uid: string };
  expr: string;
  queryType: "range" | "instant";
  legendFormat?: string;
  maxLines?: number;
}

interface TempoQuery extends DataQuery {
  datasource: { type: "tempo"; uid: string };
  query: string;
  queryType: "traceql";
  tableType?: "traces" | "spans";
  limit?: number;
  filters?: never[];
}

// What its formats mean is known to the Prometheus data source alone, which reads them beside the query.
type PrometheusAnnotation = Omit<Plain<AnnotationQuery>, "target"> & {
  expr: string;
  target: Omit<PrometheusQuery, "datasource"> & { interval?: string };
  titleFormat: string;
  textFormat: string;
  tagKeys: string;
};

// A generated file holds strings where Grafana's types have enumerations of the same values.
type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[] : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;

type PanelOf<Type extends string, Options, Field> = Omit<Plain<Panel>, "type" | "options" | "fieldConfig" | "targets" | "datasource"> & {
  type: Type;
  title: string;
  description: string;
  datasource: DataSourceRef;
  options: Plain<Partial<Options>>;
  fieldConfig: Omit<NonNullable<Plain<Panel["fieldConfig"]>>, "defaults"> & {
    defaults: Omit<NonNullable<Plain<Panel["fieldConfig"]>>["defaults"], "custom"> & { unit: string; custom?: Plain<Partial<Field>> };
  };
  targets: (PrometheusQuery | LokiQuery | TempoQuery)[];
};

type ShownPanel =
  | PanelOf<"timeseries", timeseries.Options, timeseries.FieldConfig>
  | PanelOf<"stat", stat.Options, Record<string, never>>
  | PanelOf<"table", table.Options, TableFieldOptions>
  | PanelOf<"gauge", gauge.Options, Record<string, never>>
  | PanelOf<"state-timeline", statetimeline.Options, statetimeline.FieldConfig>
  | (Omit<PanelOf<"traces", Record<string, never>, Record<string, never>>, "options"> & { options?: Record<string, never> })
  | PanelOf<"logs", logs.Options, Record<string, never>>;

// A row holds panels only while it is closed.
type KnownPanel = ShownPanel | (Plain<Omit<RowPanel, "panels">> & { panels: ShownPanel[] });

export type KnownDashboard = Omit<Plain<Dashboard>, "panels" | "annotations"> & {
  annotations: { list: PrometheusAnnotation[] };
  panels: KnownPanel[];
};
