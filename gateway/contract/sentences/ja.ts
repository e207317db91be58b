/** The sentences of en.ts in Japanese. The compiler asks for every code. */
import type { SaidCode } from './en.ts';

export const ja: Record<SaidCode, string> = {
  'not-signed-in': 'サインインしていません。もう一度サインインしてください。',
  'not-allowed': 'あなたの役割ではこの操作はできません。組織のオーナーに依頼してください。',
  'too-many-requests': '試行回数が多すぎます。一分ほど待ってからもう一度お試しください。',
  'too-large': '一度に送れる大きさを超えています。',
  unexpected:
    'ゲートウェイで処理できませんでした。もう一度お試しください。続く場合、理由はゲートウェイのログにあります。',
  busy: '開いているダッシュボードが多すぎます。一分ほど待ってからもう一度お試しください。',
  'network-unknown': 'このネットワークはもうありません。',
  'connector-unknown': 'このコネクターはもうありません。',
  'device-unknown': 'このデバイスはもうありません。',
  'person-unknown': 'このユーザーはいません。',
  'profile-unknown': 'このプロファイルはもうありません。',
  'rule-unknown': 'このルールはもうありません。',
  'name-taken': '「{name}」という名前のネットワークはすでにあります。',
  'rules-changed': 'その間に別の人がルールを変更しました。もう一度確認してから並べ替えてください。',
  'ports-need-protocol':
    'ポートを指定できるのは TCP か UDP だけです。どちらかを選ぶか、ポートを外してください。',
  'rule-network-gone': 'ルールの対象のネットワークはもうありません。',
  'last-owner': '組織にはオーナーが必要です。先に別の人をオーナーにしてください。',

  'range-unknown': '{range} は {network} の範囲ではありません。',
  'range-known': '{range} はすでに {network} の範囲です。',
  'range-in-overlay':
    '{range} は、デバイスとコネクター自身のアドレスがある {overlay} に含まれています。',
  'range-never-private':
    '{range} はプライベートネットワークのアドレスではありません。マシン自身、同じリンク、またはマルチキャストを意味します。',
  'range-holds-never':
    '{range} には、どのネットワークにも属さない {never} が含まれます。その前後の範囲を別々に追加してください。',

  'range-hidden':
    'プロファイル {profile} の除外リストがこの範囲をトンネルから外しています。デバイスは到達できません。',
  'range-part-hidden':
    'プロファイル {profile} の除外リストが、このうち {part} をトンネルから外しています。デバイスは到達できません。',
  'range-twin': '{range} は {network} の範囲でもあります。デバイスが到達できるのは片方だけです。',
  'range-everything':
    '{range} はすべてのアドレスです。デバイスの通信はすべて {network} に送られます。',
  'range-covers-overlay':
    '{range} には、デバイスとコネクターのアドレスがある {overlay} も含まれています。',
  'range-overlaps': '{network} の {other} と重なっています。{part} は {winner} に送られます。',

  'connector-silent':
    '応答がありません。マシンが動いていて、ゲートウェイに届くか確認してください。',
  'connector-no-tunnel':
    '接続していますが、トンネルがまだありません。続く場合は、途中でゲートウェイへの UDP が遮断されています。',
  'connector-no-stream': 'トンネルは通信を運んでいますが、今は変更を受け取っていません。',
  'connector-refused': '構成を受け入れませんでした：{reason}',
  'connector-reaches-not': '{ranges} に到達できません。',
  'connector-no-ping':
    'このコネクター経由では ping が使えません。そのマシンで次を実行してください：sysctl -w net.ipv4.ping_group_range="0 2147483647"',

  'engine-down': 'ゲートウェイのエンジンが動いていません：{reason}',
  'engine-refuses': 'ゲートウェイのエンジンは前の構成のままです：{reason}',
  'network-no-connector': 'コネクターがまだないため、誰も到達できません。',
  'network-unreachable': 'コネクターが一つも応答しないため、誰も到達できません。',
  'network-no-rule': '対象とするルールがないため、誰も到達できません。',
  'device-refused': '{person} のデバイスが構成を受け入れませんでした：{reason}',

  'nothing-changes': '何も変わりません。すべての宛先はこれまでと同じ経路を通ります。',
  'rest-to-tunnel': 'どの項目にも当てはまらないものはすべてトンネルに入ります。',
  'rest-direct': 'どの項目にも当てはまらないものはすべて直接つながります。',
  'range-leaves': '{range} は {network} を通らなくなります。',
  'range-comes': '{range} は {network} を通ります。',
  'part-leaves': '{range} のうち {parts} は {network} を通らなくなります。',
  'part-comes': '{range} のうち {parts} は {network} を通ります。',
  'elsewhere-leaves': '{parts} はトンネルから出て、直接つながります。',
  'elsewhere-comes': '{parts} はトンネルに入ります。',
  'domain-included': '{domain} のアドレスはトンネルに入ります。',
  'domain-excluded':
    '{domain} のアドレスは、ネットワークの範囲にあるものを除いて直接つながります。',
  'domain-unlisted': '{domain} は名前ではなくアドレスに従うようになります。',

  'devices-lose-network':
    '今到達できるデバイスは {count} 台です。このネットワークへの接続は切れます。',
  'devices-lose-range':
    '今このネットワークに到達できるデバイスは {count} 台です。{range} への接続は切れます。',
  'nobody-loses': '今到達できるデバイスはないため、誰にも影響しません。',
  'rules-go': 'ほかに対象がないルールも削除されます：{rules}。',
  'connectors-go': 'コネクターは停止します：{connectors}。',
  'goes-to-other': '以後、{part} は {network} に送られます。',

  'tunnel-not-carried':
    'ゲートウェイはまだデバイスのインターネット通信を運べないため、既定の経路は「直接」のままにしてください。',
  'no-domain':
    '「{text}」はドメインではありません。その名前だけなら example.com、その下のすべての名前なら *.example.com と書いてください。',
  'exclude-hides':
    '除外リストの {entry} が {network} の {range} を隠しています。デバイスは到達できません。',
  'exclude-hides-part':
    '除外リストの {entry} が {network} の {range} の一部を隠しています。デバイスは到達できません。',
  'excludes-hide-more':
    'ほかに {count} 件の除外項目が範囲の全部か一部を隠しています。デバイスはそのアドレスに到達できません。',
  'include-dead':
    '含めるリストの {entry} は、これらのデバイスが到達できるどのネットワークにもありません。ゲートウェイはその通信を拒否します。',
  'includes-dead':
    '含めるリストの {entries} は、これらのデバイスが到達できるどのネットワークにもありません。ゲートウェイはその通信を拒否します。',
  'fix-remove': '{entry} を削除',
  'fix-remove-all': '{count} 件すべてを削除',
  'fix-remove-these': 'この {count} 件を削除',
};
