declare module "@sandbox/account" {
  export const mount: import("@sandbox/platform").MicroFrontend["mount"];
  export const breakNow: () => never;
}
declare module "@sandbox/payments" {
  export const mount: import("@sandbox/platform").MicroFrontend["mount"];
  export const breakNow: () => never;
}
