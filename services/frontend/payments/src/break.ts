class DeliberateFailure extends Error {
  override readonly name = "DeliberateFailure";
}

/** Fail on purpose, in this micro-frontend's own code. */
export const breakNow = (): never => {
  throw new DeliberateFailure("the payments micro-frontend was told to fail");
};
