/** What somebody may do here, changed in place by an owner; one's own role only after a question. */
import { Box, Select } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Person } from '../../../contract/admin-api.ts';
import { change, session, useChange } from '../api/queries.ts';
import { Confirm } from '../parts/confirm.tsx';

type Role = Person['role'];
const ROLES: readonly Role[] = ['owner', 'admin', 'member'];

/** Whoever gives up their own role sees other pages from then on. */
export function useSetRole() {
  const client = useQueryClient();
  return useChange(async (wanted: { id: string; role: Role }) => {
    const person = await change.setRole(wanted);
    await client.invalidateQueries({ queryKey: session.queryKey });
    return person;
  });
}

interface RoleSelectProps {
  person: Person;
  onChoose: (role: Role) => void;
}

export function RoleSelect({ person, onChoose }: RoleSelectProps) {
  const { t } = useTranslation();
  const { data: me } = useQuery(session);
  const [asked, setAsked] = useState<Role>();
  const isOwn = person.id === me?.user.id;
  const choose = (role: Role, ask: () => void) => {
    if (!isOwn) return onChoose(role);
    setAsked(role);
    ask();
  };
  return (
    <Confirm
      question={t('people.ownRoleConfirm', { role: asked ? t(`people.roles.${asked}`) : '' })}
      button={t('people.changeRole')}
      act={() => asked && onChoose(asked)}
    >
      {(ask) => (
        <Box>
          <Select
            size="xs"
            aria-label={t('people.roleOf', { name: person.email })}
            data={ROLES.map((role) => ({ value: role, label: t(`people.roles.${role}`) }))}
            value={person.role}
            allowDeselect={false}
            // The gateway lets nobody else, or an administrator could make themselves an owner.
            disabled={me?.role !== 'owner'}
            onChange={(role) => role && role !== person.role && choose(role as Role, ask)}
          />
        </Box>
      )}
    </Confirm>
  );
}
