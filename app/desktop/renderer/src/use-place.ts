import { useEffect, useState } from 'react';
import { type Place, places } from '../../ipc/places.ts';
import { culvert } from './bridge.ts';

/** Where in the window one is: its address says so at first, then the tray's menu or a link here. */
export function usePlace(): [Place, (place: Place) => void] {
  const [place, setPlace] = useState(placeOfAddress());
  useEffect(() => {
    const follow = () => setPlace(placeOfAddress());
    window.addEventListener('hashchange', follow);
    const stop = culvert.onPlace((asked) => {
      location.hash = asked;
      setPlace(asked);
    });
    return () => {
      window.removeEventListener('hashchange', follow);
      stop();
    };
  }, []);
  return [
    place,
    (wanted) => {
      location.hash = wanted;
    },
  ];
}

function placeOfAddress(): Place {
  return places.find((place) => place === location.hash.slice(1)) ?? '';
}
