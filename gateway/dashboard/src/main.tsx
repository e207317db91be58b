import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import 'uplot/dist/uPlot.min.css';
import './style.css';
import { MantineProvider } from '@mantine/core';
import { Notifications } from '@mantine/notifications';
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Refused } from './api/client.ts';
import { session } from './api/queries.ts';
import { startLanguage } from './language/language.ts';
import { router } from './router.tsx';
import { readable, theme } from './theme.ts';

/** Whatever is refused for want of a session asks for a new sign-in, wherever it was asked for. */
function noticeEndedSession(error: Error): void {
  if (error instanceof Refused && error.status === 401)
    void client.invalidateQueries({ queryKey: session.queryKey, refetchType: 'active' });
}

const client = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      if (query.queryKey[0] !== session.queryKey[0]) noticeEndedSession(error);
    },
  }),
  mutationCache: new MutationCache({ onError: noticeEndedSession }),
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      // A refusal stays one; only a gateway that does not answer is worth asking again.
      retry: (count, error) => count < 2 && !(error instanceof Refused && error.status !== 0),
    },
  },
});

await startLanguage();
const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" cssVariablesResolver={readable}>
        <Notifications position="bottom-left" autoClose={10_000} />
        <QueryClientProvider client={client}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
