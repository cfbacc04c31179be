// What books cost, in one file.
const express = require("express");
const pino = require("pino");
const Sentry = require("@sentry/node-core/light");
const { otlpIntegration } = require("@sentry/node-core/light/otlp");

const log = pino();
// Reads SENTRY_DSN; without one it sends nothing. The integration puts OpenTelemetry's trace id on errors.
Sentry.init({ integrations: [otlpIntegration({ setupOtlpTracesExporter: false })] });
const app = express();

app.get("/prices/:title", async (request, response) => {
  const stock = await fetch(`${process.env.STOCK_URL}/stock/${request.params.title}`);
  log.info({ title: request.params.title }, "price asked");
  response.json({ price: "12.90 EUR", ...(await stock.json()) });
});

// An unexpected error.
app.get("/broken", () => {
  throw new TypeError("no such price list");
});

app.use((error, request, response, next) => {
  Sentry.captureException(error);
  log.error(error, "request failed");
  next(error);
});

app.listen(Number(process.env.PORT), "127.0.0.1");
