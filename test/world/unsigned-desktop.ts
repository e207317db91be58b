/** A laptop on its own, no gateway anywhere, and the tray app's window on it: it shows the sign-in. */
import { Lab } from '../lab/lab.ts';
import { LabDesktop, startScreen } from './desktop.ts';
import { Device } from './device.ts';
import { worldTopology } from './topology.ts';

export interface UnsignedDesktop extends AsyncDisposable {
  lab: Lab;
  desktop: LabDesktop;
}

export async function openUnsignedDesktop(): Promise<UnsignedDesktop> {
  const { laptop } = worldTopology.hosts;
  if (!laptop) throw new Error('the world has no laptop');
  const lab = await Lab.build({ segments: ['home'], hosts: { laptop: { ...laptop, via: [] } } });
  let desktop: LabDesktop | undefined;
  const dispose = async () => {
    await desktop?.close();
    await lab.stop();
  };
  try {
    await Device.install(lab.host('laptop'));
    await startScreen(lab.host('laptop'));
    desktop = await LabDesktop.open(lab.host('laptop'));
    await desktop.window.getByRole('heading', { name: 'Sign in to your organisation' }).waitFor();
    return { lab, desktop, [Symbol.asyncDispose]: dispose };
  } catch (cause) {
    await dispose();
    throw cause;
  }
}
