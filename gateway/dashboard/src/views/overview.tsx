/** Answers in five seconds: is anything broken, who is on, what changed. */
import {
  Alert,
  Anchor,
  Button,
  Grid,
  List,
  Paper,
  SimpleGrid,
  Stack,
  Text,
  Title,
} from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { Overview } from '../../../contract/admin-api.ts';
import { overview, session } from '../api/queries.ts';
import { useSay } from '../language/use-say.ts';
import { Copyable } from '../parts/copyable.tsx';
import { Answered, Page } from '../parts/page.tsx';
import { StatusMark } from '../parts/status-mark.tsx';
import { TrafficChart } from '../parts/traffic-chart.tsx';
import { Recent } from './overview-recent.tsx';

export function OverviewView() {
  const { t } = useTranslation();
  return (
    <Page title={t('overview.title')}>
      <Answered query={useQuery(overview)}>{(data) => <Content data={data} />}</Answered>
    </Page>
  );
}

function Content({ data }: { data: Overview }) {
  const { t } = useTranslation();
  const of = (count: number, total: number) => t('overview.ofTotal', { count, total });
  return (
    <Stack gap="lg">
      {data.networks === 0 ? <FirstStep /> : <Problems problems={data.problems} />}
      <SimpleGrid cols={{ base: 2, md: 4 }}>
        <Figure
          label={t('overview.online')}
          value={of(data.devices.online, data.devices.total)}
          to="/devices"
        />
        <Figure
          label={t('overview.connectors')}
          value={of(data.connectors.online, data.connectors.total)}
          to="/networks"
        />
        <Figure label={t('overview.networks')} value={String(data.networks)} to="/networks" />
        <Figure label={t('overview.people')} value={String(data.people)} to="/people" />
      </SimpleGrid>
      <Grid>
        <Grid.Col span={{ base: 12, md: 7 }}>
          <Paper withBorder p="md">
            <Title order={2} size="h4" mb="sm">
              {t('overview.traffic')}
            </Title>
            <TrafficChart points={data.traffic} />
          </Paper>
        </Grid.Col>
        <Grid.Col span={{ base: 12, md: 5 }}>
          <Paper withBorder p="md" h="100%">
            <Title order={2} size="h4" mb="sm">
              {t('overview.recent')}
            </Title>
            <Recent />
          </Paper>
        </Grid.Col>
      </Grid>
      <Invite />
    </Stack>
  );
}

/** "Everything works" would be true and of no use to somebody who has nothing yet. */
function FirstStep() {
  const { t } = useTranslation();
  return (
    <Paper withBorder p="md">
      <Title order={2} size="h4" mb="xs">
        {t('overview.firstTitle')}
      </Title>
      <Text size="sm" mb="sm">
        {t('overview.firstText')}
      </Text>
      <Button component={Link} to="/networks">
        {t('overview.firstButton')}
      </Button>
    </Paper>
  );
}

/** Whoever has more has one cause for most of them. */
const PROBLEMS_SHOWN = 8;

function Problems({ problems }: { problems: Overview['problems'] }) {
  const { t } = useTranslation();
  const say = useSay();
  if (problems.length === 0)
    return (
      <Alert color="green" role="status" p="sm">
        <StatusMark mark="good" word={t('overview.well')} />
      </Alert>
    );
  const rest = problems.length - PROBLEMS_SHOWN;
  return (
    <Alert color="orange" title={t('overview.problems')}>
      <List size="sm">
        {problems.slice(0, PROBLEMS_SHOWN).map(({ about, says, link }) => (
          <List.Item key={`${about} ${say(says)}`}>
            <Anchor component={Link} to={link} inherit c="inherit" underline="always">
              {about === null ? say(says) : t('overview.problemOf', { about, says: say(says) })}
            </Anchor>
          </List.Item>
        ))}
      </List>
      {rest > 0 && (
        <Text size="sm" mt="xs">
          {t('common.andMore', { count: rest })}
        </Text>
      )}
    </Alert>
  );
}

function Figure({ label, value, to }: { label: string; value: string; to: string }) {
  return (
    <Paper withBorder p="md" component={Link} to={to} className="figure-link">
      <Text size="sm">{label}</Text>
      <Text size="xl" fw={600}>
        {value}
      </Text>
    </Paper>
  );
}

function Invite() {
  const { t } = useTranslation();
  const { data } = useQuery(session);
  if (!data) return null;
  return (
    <Paper withBorder p="md">
      <Title order={2} size="h4">
        {t('overview.invite')}
      </Title>
      <Text size="sm" mb="sm">
        {t('overview.inviteText', { organisation: data.organisation.name })}
      </Text>
      <Copyable text={data.joinLink} label={t('overview.invite')} />
    </Paper>
  );
}
