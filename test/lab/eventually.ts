/** Tries until it works; the last failure is the one told. */
export async function eventually<T>(
  attempt: () => Promise<T>,
  withinMs = 15_000,
  everyMs = 50,
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (Date.now() > deadline) throw cause;
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }
}
