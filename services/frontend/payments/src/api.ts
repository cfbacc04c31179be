/** Requests and responses of the payments API. */

import { type SpanContext, session } from "@sandbox/platform";
import { APP } from "./app";

export interface Payment {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly captured_amount: number;
  readonly refunded_amount: number;
  readonly currency: string;
  readonly card: { readonly brand: string; readonly last4: string };
  readonly description: string;
  readonly decline_reason: string | null;
  readonly created_at: string;
}

export interface Order {
  readonly amount: number;
  readonly currency: string;
  readonly description: string;
  readonly card: { number: string; exp_month: number; exp_year: number; cvc: string };
}

/** `key` is the idempotency key: repeats with the same key make one payment. */
export const pay = (order: Order, key: string, parent: SpanContext): Promise<Payment> =>
  session.call(APP, {
    method: "POST",
    path: "/api/payments",
    body: order,
    headers: { "Idempotency-Key": key },
    parent,
  });

export const refund = (id: string, key: string, parent: SpanContext): Promise<unknown> =>
  session.call(APP, {
    method: "POST",
    path: "/api/payments/{payment_id}/refunds",
    parameters: { payment_id: id },
    body: {},
    headers: { "Idempotency-Key": key },
    parent,
  });

export const list = async (parent: SpanContext | undefined): Promise<readonly Payment[]> =>
  (await session.call<{ items: Payment[] }>(APP, { path: "/api/payments", query: { limit: "20" }, parent })).items;
