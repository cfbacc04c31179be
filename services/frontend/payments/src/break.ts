class DeliberateFailure extends Error {
  override readonly name = "DeliberateFailure";
}

/** Throw an error on purpose from this micro-frontend's own code. */
export const breakNow = (): never => {
  throw new DeliberateFailure("the payments micro-frontend was told to fail");
};
