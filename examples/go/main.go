// How many books are left, in one file.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/getsentry/sentry-go"
	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/log/global"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var logger = otelslog.NewLogger("stock")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	finish, err := observe(ctx)
	if err != nil {
		slog.Error("telemetry could not be set up", "error", err)
		os.Exit(1)
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /stock/{title}", stock)
	routes.HandleFunc("GET /broken", broken)
	server := &http.Server{Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: otelhttp.NewHandler(routes, "stock")}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		slog.Error("the server ended", "error", err)
	}
	finish()
}

func stock(response http.ResponseWriter, request *http.Request) {
	title := request.PathValue("title")
	logger.InfoContext(request.Context(), "stock asked", "title", title)
	response.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(response).Encode(map[string]int{"left": len(title)})
}

// An unexpected error.
func broken(response http.ResponseWriter, request *http.Request) {
	ctx, err := request.Context(), errors.New("the shelf is gone")
	span := trace.SpanFromContext(ctx)
	span.RecordError(err)
	span.SetStatus(codes.Error, err.Error())
	logger.ErrorContext(ctx, "stock failed", "error", err)
	hub := sentry.CurrentHub()
	hub.Client().CaptureException(err, &sentry.EventHint{Context: ctx}, hub.Scope())
	http.Error(response, "internal error", http.StatusInternalServerError)
}

// observe sets up the OpenTelemetry SDK from the standard OTEL_* variables, and Sentry from SENTRY_DSN.
func observe(ctx context.Context) (finish func(), err error) {
	spans, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, err
	}
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return nil, err
	}
	records, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return nil, err
	}
	tracing := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	metrics := metric.NewMeterProvider(metric.WithReader(reader))
	logs := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(records)))
	otel.SetTracerProvider(tracing)
	otel.SetMeterProvider(metrics)
	global.SetLoggerProvider(logs)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	if err := sentry.Init(sentry.ClientOptions{}); err != nil {
		return nil, err
	}
	// Puts OpenTelemetry's trace id on errors.
	sentry.CurrentHub().Client().SetExternalContextTraceResolver(
		func(ctx context.Context) (sentry.TraceID, sentry.SpanID, bool) {
			span := trace.SpanContextFromContext(ctx)
			return sentry.TraceID(span.TraceID()), sentry.SpanID(span.SpanID()), span.IsValid()
		})
	return func() {
		last, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = errors.Join(tracing.Shutdown(last), metrics.Shutdown(last), logs.Shutdown(last))
		sentry.Flush(2 * time.Second)
	}, nil
}
