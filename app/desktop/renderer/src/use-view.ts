import { useEffect, useState } from 'react';
import type { View } from '../../ipc/channels.ts';
import { culvert } from './bridge.ts';

export function useView(): View | undefined {
  const [view, setView] = useState<View>();
  useEffect(() => {
    const stop = culvert.onView(setView);
    void culvert.view().then(setView);
    return stop;
  }, []);
  return view;
}
