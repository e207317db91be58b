import './styles.css';
import 'virtual:theme.css';
import './popover.css';
import { createRoot } from 'react-dom/client';
import { Popover } from './popover.tsx';

const root = document.getElementById('root');
if (root) createRoot(root).render(<Popover />);
