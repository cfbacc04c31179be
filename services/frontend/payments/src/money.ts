/** Amounts: minor units in the API, formatted on the page. */

export const CURRENCIES = ["EUR", "USD", "GBP"] as const;

export const inWords = (minor: number, currency: string): string =>
  new Intl.NumberFormat("en", { style: "currency", currency }).format(minor / 100);

/** `12.50` or `12,50` in minor units; null if it is not a valid amount. */
export const toMinor = (text: string): number | null => {
  const match = /^\s*(\d{1,7})(?:[.,](\d{1,2}))?\s*$/.exec(text);
  return match ? Number(match[1]) * 100 + Number((match[2] ?? "").padEnd(2, "0") || 0) : null;
};
