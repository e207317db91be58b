/** The sentences of en.ts in Japanese. The compiler asks for every code. */
import type { ProblemCode } from './en.ts';

export const ja: Record<ProblemCode, string> = {
  'daemon-not-running':
    'culvertd が動いていません。「sudo systemctl start culvertd」で起動してから、もう一度お試しください。',
  'daemon-not-permitted':
    'このコンピューターではまだ Culvert を使えません。管理者に「sudo usermod -aG culvert {user}」の実行を依頼し、コンピューターにログインし直してください。',
  'daemon-not-root':
    '{socket} で応答したプログラムは culvertd ではありません（root ではなくユーザー {uid} で動作）。何も送信していません。管理者に知らせてください。',
  'daemon-unverified':
    '{socket} で応答した相手を確認できないため、何も送信していません。Culvert を再インストールしてください。',
  'daemon-silent':
    'culvertd から {waitedMs} 応答がありません。「journalctl -u culvertd」を確認してください。',
  'daemon-gone': '応答の途中で culvertd が終了しました。少し待ってからもう一度お試しください。',
  'daemon-answer':
    'culvertd の応答をこのプログラムは理解できません（{reason}）。両方を同じバージョンに更新してください。',
  'peercred-missing':
    'culvertd の呼び出し元を確かめる部品（peercred.node）がありません。Culvert を再インストールしてください。',
  'already-running': '別の culvertd が {socket} を使っています。先にそれを停止してください。',
  'not-root': '{program} は root で実行する必要があります。「sudo {program}」をお試しください。',
  'output-refused': '出力を書き込めません：{reason}。空きを作るか、別の場所に出力してください。',
  'socket-refused': 'culvertd は {socket} で待ち受けられません：{reason}。',

  'root-only': 'この操作は root だけができます。sudo を付けてお試しください。',
  'browser-refused': 'culvertd は Web ページとは通信しません。',
  'caller-unknown': '呼び出し元をカーネルから確認できないため、culvertd は拒否しました。',
  'bad-request': '要求の内容が合いません：{field}：{reason}。',
  'not-found':
    'culvertd に {call} という呼び出しはありません。このプログラムと culvertd を同じバージョンに更新してください。',
  'too-large': '要求が {limit} バイトを超えています。',
  'too-many': 'culvertd を監視しているプログラムが多すぎます。いくつか閉じてからお試しください。',
  unexpected:
    'Culvert が想定していないことが起きました：{reason}。「journalctl -u culvertd」を確認してください。',

  'not-signed-in':
    'このデバイスはサインインしていません。組織から受け取ったリンクでサインインしてください。',
  'link-missing': '組織のアドレスを入力するか、サインインリンクを貼り付けてください。',
  'link-damaged':
    '「{link}」はサインインリンクでもアドレスでもありません。リンク全体をコピーし直してください。',
  'gateway-unreachable':
    '{gateway} に接続できません：{reason}。アドレスとネットワークを確認してください。',
  'gateway-certificate':
    '{gateway} の証明書を保証する機関がありません。組織のサインインリンク全体を使ってください。リンクの末尾が本物のゲートウェイを示します。',
  'gateway-says': '{gateway} からの返答：{reason}',
  'gateway-not-culvert':
    '{gateway} は応答しますが、Culvert のゲートウェイではありません。アドレスを確認してください。',
  'gateway-answer': '{gateway} の応答をこのバージョンは理解できません：{reason}。',
  'organisation-key-differs':
    '{gateway} はサインインリンクが示すゲートウェイではありません（組織の鍵が異なります）。何も送信していません。管理者に知らせてください。',
  'trust-refused':
    '{gateway} はあなたの組織のものだと証明できませんでした：{reason}。何も送信していません。管理者に知らせてください。',
  'other-organisation':
    'このデバイスは {known} に属しています。先にサインアウトしてから {offered} にサインインしてください。',
  'login-unknown': 'このサインインはもう待っていません。もう一度始めてください。',
  'login-other-user':
    'このサインインはこのコンピューターの別の人が始めたものです。自分で始めてください。',
  'login-busy': 'このコンピューターの別の人がサインイン中です。終わるまでお待ちください。',
  'login-cancelled': 'サインインを取り消しました。何も変わっていません。',
  'login-denied': '組織がサインインを拒否しました：{reason}。',
  'login-expired': 'サインインに {limitMs} 以上かかりました。もう一度始めてください。',
  'login-callback':
    'ブラウザーからの応答はこのサインインのものではありません。もう一度始めてください。',
  'enrol-refused': '組織はこのデバイスを受け入れませんでした：{reason}',
  'session-expired':
    'セッションは {expiredAt} に終了しました。続けるにはもう一度サインインしてください。',
  'session-ends-soon': 'セッションは {expiresAt} に終了します。更新しても接続は切れません。',
  'device-removed':
    '管理者がこのデバイスを組織から削除しました。追加するにはもう一度サインインしてください。',
  'device-replaced':
    '別のコンピューターがこのデバイスの識別情報を使っています。こちらが正しい場合は、ここでもう一度サインインしてください。',
  'leave-unheard':
    'ここではサインアウトしましたが、{gateway} に知らせることができませんでした。管理者にこのデバイスの削除を依頼してください。',

  'snapshot-refused': '新しい構成を受け入れず、最後の正しい構成を使い続けます：{reason}。',
  'snapshot-expired':
    'このデバイスの構成は {expiredAt} に期限が切れました。新しい構成を得るための {gateway} に接続できません。',
  'stream-lost': '{gateway} から連絡がありません：{reason}。通信は最後の構成のまま続きます。',

  'no-handshake':
    '{gateway} が {endpoint} で応答しません。次の経路を試しています。UDP が遮断されていないか確認してください。',
  'connect-late':
    '{waitedMs} たっても接続していません。試行は続きます。状況は「culvert status」で確認できます。',
  'no-gateway': 'このデバイスのためのゲートウェイが組織にありません。管理者に相談してください。',
  'gateway-name':
    '{gateway} のアドレス（{endpoint}）が見つかりません。ネットワークを確認してください。',
  'path-lost': 'ネットワークが {lostAt} に途切れました。プライベートな通信は復旧を待っています。',
  'engine-failed': 'トンネルを開始できませんでした：{reason}。',
  'engine-missing': 'エンジンが {path} にありません。Culvert を再インストールしてください。',
  'engine-gone': 'トンネルのエンジンが停止しました。再起動しています。',
  'tun-missing':
    'このコンピューターには TUN デバイス（/dev/net/tun）がありません。「sudo modprobe tun」で読み込んでください。コンテナーではデバイスを渡してください。',
  'network-refused': 'このコンピューターのネットワークを設定できませんでした：{reason}。',
  'undo-refused':
    'Culvert の設定の一部を元に戻せませんでした：{reason}。「sudo culvert repair」を実行してください。',
  'program-missing':
    'Culvert に必要なプログラム「{program}」がありません。パッケージ {package} をインストールしてください。',
  'table-taken':
    'ルーティングテーブル {table} は別のプログラムが使っています。Culvert の設定で別のテーブルを指定してください。',
  'priority-taken':
    '優先度 {priority} のルーティングルールは別のプログラムが使っています。Culvert の設定で別の優先度を指定してください。',
  'firewall-taken':
    'nftables のテーブル「inet {table}」は別のプログラムが使っています。Culvert の設定で別の名前を指定してください。',
  'ledger-damaged':
    'Culvert がこのコンピューターに加えた変更の記録が壊れていました（{reason}）。Culvert の名前を持つものはすべて Culvert のものとみなします。「sudo culvert repair」で元に戻せます。',
  'internet-not-carried':
    'プロファイルはすべての通信をトンネルに送りますが、ゲートウェイはまだインターネット通信を運べません。管理者に既定の経路を「direct」にするよう依頼してください。',
  'protection-lost':
    '別のプログラムが Culvert の保護を {lostAt} に取り除きました。元に戻しました。',

  'state-corrupt': 'ファイル {file} が壊れていました。{kept} として保管しました。{consequence}。',
  'state-unsafe':
    'ファイル {file} は安全に使えません：{reason}。「sudo chown root: {file}; sudo chmod go-rwx {file}」で root に戻してください。',
  'state-newer':
    'ファイル {file} は新しい Culvert（バージョン {version}）が書いたものです。Culvert を更新してください。',
  'state-unwritable':
    'ファイル {file} に書き込めません：{reason}。空き容量とディスクを確認してください。',
  'consequence-signed-out': 'もう一度サインインしてください',
  'consequence-refetch': '構成を取得し直します',
  'consequence-on': 'プライベートな通信が漏れないよう、スイッチはオンとみなします',
  'consequence-defaults': '設定は既定値に戻りました',

  'overlap-local-used':
    '{cidr} はローカルネットワーク（{interface}）でもあります。ローカルネットワークを使っています。',
  'overlap-network-used':
    '{cidr} はローカルネットワーク（{interface}）でもあります。{network} を使っています。',
  'overlay-clash': '組織の {cidr} は、このコンピューターの {interface} がすでに使っています。',

  'why-range': '{cidr} は {network} の範囲です',
  'why-include': '「{profile}」の含めるリスト：{entry}',
  'why-exclude': '「{profile}」の除外リスト：{entry}',
  'why-default-tunnel': '該当する項目がありません。「{profile}」は残りをトンネルに送ります',
  'why-default-direct': '該当する項目がありません。「{profile}」は残りを直接送ります',
  'why-local-wins': '{cidr} はローカルネットワークでもあり、そちらを使うよう選ばれています',
  'why-protected': '{cidr} はプライベートで、トンネルはオフです',
  'why-no-config': '構成がまだありません',
  'why-name-unknown': '「{name}」にはアドレスがありません',
  'why-route-tunnel': '{interface}、テーブル {table}',
  'why-route-direct': '{interface}',
  'why-route-via': '{interface}、{via} 経由',
  'why-route-refused': 'カーネルに経路がありません：{reason}',
  'why-route-elsewhere': 'カーネルはトンネルではなく {interface} に送ります',
  'why-route-into-tunnel': 'カーネルは直接ではなくトンネル（{interface}）に送ります',
  'why-gateway': '{gateway}、ハンドシェイク {handshakeAt}',
  'why-gateway-rtt': '{gateway}、ハンドシェイク {handshakeAt}、{rttMs}',
  'why-gateway-silent': '{gateway} が応答しません',
  'why-gateway-unasked': '{gateway} に問い合わせできません：{reason}',
  'why-tunnel-off': 'トンネルはオフです',
  'why-not-signed-in': 'このデバイスはサインインしていません',
  'why-connector': '{connector}（{total} 台中 {healthy} 台が正常）',
  'why-connector-none': '{network} のコネクターが動いていません（{total} 台中 {healthy} 台が正常）',
  'why-network-none': '利用できるネットワークに含まれていません',
  'why-rule-allows': '#{number} {rule}',
  'why-rule-blocks': '#{number} {rule}',
  'why-rule-none': '許可するルールがありません',
  'why-target-unasked': '試していません',
  'why-target-direct': 'トンネルの外です。Culvert は関与しません',
  'why-target-unknown': '経路は通っています。相手が応答するかは試していません',
  'sum-direct': '{target} は Culvert を通らず直接つながります。',
  'sum-open': '{target} には {network} を通って接続できます。',
  'sum-blocked': '{target} には接続できません。ルール「{rule}」が止めています。',
  'sum-blocked-contact':
    '{target} には接続できません。ルール「{rule}」が止めています。問い合わせ先：{contact}',
  'sum-no-rule': '{target} には接続できません。許可するルールがありません。',
  'sum-no-rule-contact':
    '{target} には接続できません。許可するルールがありません。問い合わせ先：{contact}',
  'sum-no-network': '{target} には接続できません。利用できるネットワークに含まれていません。',
  'sum-no-connector': '{target} には接続できません。{network} のコネクターが今動いていません。',
  'sum-off': '今は {target} に接続できません。トンネルがオフです。Culvert をオンにしてください。',
  'sum-signed-out': '今は {target} に接続できません。このデバイスはサインインしていません。',
  'sum-gateway-silent': '今は {target} に接続できません。{gateway} が応答しません。',
  'sum-unroutable': '今は {target} に接続できません。このコンピューターに経路がありません。',
  'sum-route-differs':
    '{target} への実際の経路が、あるべき経路と違います。「sudo culvert repair」を実行してください。',
  'sum-unknown-name':
    '「{target}」にはアドレスがないため、経路もありません。つづりを確認してください。',
  'sum-unsure': '{target} はトンネルに入ります。その先は {gateway} に問い合わせできませんでした。',

  'because-network': 'ネットワーク {network}',
  'because-include': '{profile} の含めるリスト',
  'because-exclude': '{profile} の除外リスト',
  'because-local': 'ローカルネットワーク',
  'because-default': '{profile} の既定の経路',
  'because-protection': '{network} の保護',

  'action-sign-in': 'サインイン',
  'action-renew': '更新',
  'action-repair': '修復',
};
