/** How a device is: its state by shape, and whether it has what it should have. */
import { Text } from '@mantine/core';
import { useTranslation } from 'react-i18next';
import type { Device } from '../../../contract/admin-api.ts';
import { type Mark, StatusMark } from '../parts/status-mark.tsx';

export const deviceMarks: Record<Device['state'], Mark> = {
  connected: 'good',
  online: 'partial',
  offline: 'off',
  expired: 'bad',
};

/** "Revision 42" when it has the newest, "41, not yet 42" while it has not, and the reason where it refuses. */
export function RevisionWords({ device }: { device: Device }) {
  const { t } = useTranslation();
  const { appliedRevision: applied, wantedRevision: wanted, problem } = device;
  if (problem !== null)
    return (
      <Text span inherit c="red" title={problem}>
        {t('devices.refuses', { wanted })}
      </Text>
    );
  if (applied === null) return <>{t('devices.noRevision')}</>;
  if (applied >= wanted) return <>{t('devices.current', { applied })}</>;
  return <StatusMark mark="partial" word={t('devices.behind', { applied, wanted })} />;
}
