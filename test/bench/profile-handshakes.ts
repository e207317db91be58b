/** What an engine does while it answers handshakes, as `handshakes` measures it. */
import type { Contender } from './contender.ts';
import { startAnswering } from './handshake-run.ts';
import { sharesWhile } from './profile-cpu.ts';
import { type Profile, rowsOfShares } from './profile-table.ts';
import { inLab } from './topology.ts';

/** With 1,000 peers some seconds, at 10,000 a second as at 3,000. */
const HANDSHAKES_EACH = 30;

export function profileHandshakes(contender: Contender): Promise<Profile> {
  return inLab(async (lab) => {
    const { services, ask } = await startAnswering(lab, contender);
    const [answering] = services;
    if (answering === undefined) throw new Error('the kernel answers by itself');
    // Nothing comes while the other side prepares its handshakes, for some seconds.
    const answers = ask(HANDSHAKES_EACH);
    const [storm, shares] = await Promise.all([answers, sharesWhile(answering, answers)]);
    return {
      about: 'Answering handshakes of 1,000 peers on one core, in % of the engine’s own time',
      facts: [
        {
          what: 'it answers',
          value: storm.answered / storm.seconds,
          unit: 'a second',
          digits: 0,
        },
      ],
      columns: [{ title: contender.name, unit: '%', digits: 0 }],
      rows: rowsOfShares([shares]),
    };
  });
}
