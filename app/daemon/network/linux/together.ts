/**
 * Side by side, to the end of all: where one fails, the failure is told only when none of the others still changes anything.
 */
export async function together<const Works extends readonly unknown[]>(
  works: Works,
): Promise<{ -readonly [Index in keyof Works]: Awaited<Works[Index]> }> {
  await Promise.allSettled(works);
  return await Promise.all(works);
}
