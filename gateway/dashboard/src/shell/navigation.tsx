import { NavLink } from '@mantine/core';
import IconClipboardList from '@tabler/icons-react/dist/esm/icons/IconClipboardList.mjs';
import IconDeviceLaptop from '@tabler/icons-react/dist/esm/icons/IconDeviceLaptop.mjs';
import IconGauge from '@tabler/icons-react/dist/esm/icons/IconGauge.mjs';
import IconListDetails from '@tabler/icons-react/dist/esm/icons/IconListDetails.mjs';
import IconNetwork from '@tabler/icons-react/dist/esm/icons/IconNetwork.mjs';
import IconShield from '@tabler/icons-react/dist/esm/icons/IconShield.mjs';
import IconUsers from '@tabler/icons-react/dist/esm/icons/IconUsers.mjs';
import { Link, useLocation } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';

const places = [
  { to: '/', name: 'overview', Icon: IconGauge },
  { to: '/networks', name: 'networks', Icon: IconNetwork },
  { to: '/devices', name: 'devices', Icon: IconDeviceLaptop },
  { to: '/people', name: 'people', Icon: IconUsers },
  { to: '/profiles', name: 'profiles', Icon: IconListDetails },
  { to: '/policy', name: 'policy', Icon: IconShield },
  { to: '/activity', name: 'activity', Icon: IconClipboardList },
] as const;

export function Navigation({ onChoose }: { onChoose: () => void }) {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  return (
    <nav aria-label={t('shell.menu')}>
      {places.map(({ to, name, Icon }) => {
        const isHere = to === '/' ? pathname === '/' : pathname.startsWith(to);
        return (
          <NavLink
            key={to}
            component={Link}
            to={to}
            label={t(`nav.${name}`)}
            leftSection={<Icon size={18} aria-hidden />}
            active={isHere}
            aria-current={isHere ? 'page' : undefined}
            onClick={onChoose}
          />
        );
      })}
    </nav>
  );
}
