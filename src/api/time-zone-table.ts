/**
 * Time zones of the IANA Time Zone Database, version 2025b, from 2020 on. Each entry: a POSIX rule, before it where zones changed
 * after 2020 the changes as minutes since 1970 with the offset from then on in minutes; then the names of the zones, links among them.
 */
export const ZONES: readonly (readonly [rule: string, names: string])[] = [
  ['GMT0', 'Africa/Abidjan Africa/Accra Africa/Bamako Africa/Banjul Africa/Bissau Africa/Conakry Africa/Dakar Africa/Freetown Africa/Lome ' +
    'Africa/Monrovia Africa/Nouakchott Africa/Ouagadougou Africa/Sao_Tome Africa/Timbuktu America/Danmarkshavn Atlantic/Reykjavik ' +
    'Atlantic/St_Helena Etc/GMT Etc/GMT+0 Etc/GMT-0 Etc/GMT0 Etc/Greenwich GMT GMT+0 GMT-0 GMT0 Greenwich Iceland'],
  ['EAT-3', 'Africa/Addis_Ababa Africa/Asmara Africa/Asmera Africa/Dar_es_Salaam Africa/Djibouti Africa/Kampala Africa/Mogadishu Africa/Nairobi ' +
    'Indian/Antananarivo Indian/Comoro Indian/Mayotte'],
  ['CET-1', 'Africa/Algiers Africa/Tunis'],
  ['WAT-1', 'Africa/Bangui Africa/Brazzaville Africa/Douala Africa/Kinshasa Africa/Lagos Africa/Libreville Africa/Luanda Africa/Malabo Africa/Ndjamena ' +
    'Africa/Niamey Africa/Porto-Novo'],
  ['CAT-2', 'Africa/Blantyre Africa/Bujumbura Africa/Gaborone Africa/Harare Africa/Khartoum Africa/Kigali Africa/Lubumbashi Africa/Lusaka Africa/Maputo ' +
    'Africa/Windhoek'],
  ['EET-2EEST,M4.5.5/0,M10.5.4/24 26297280:120 27781740:120', 'Africa/Cairo Egypt'],
  ['<+01>-1 26297280:60 26454360:0 26514840:60 26968440:0 27018840:60 27472440:0 27532920:60 27986520:0 28036920:60 28500600:0 28551000:60 ' +
    '29004600:0 29065080:60 29518680:0 29569080:60 30032760:0 30083160:60 30536760:0 30597240:60 31050840:0 31101240:60 31554840:0 31615320:60 ' +
    '32068920:0 32119320:60 32583000:0 32633400:60 33087000:0 33147480:60 33601080:0 33651480:60 34105080:0 34165560:60 34619160:0 34679640:60 ' +
    '35133240:0 35183640:60 35637240:0 35697720:60', 'Africa/Casablanca Africa/El_Aaiun'],
  ['CET-1CEST,M3.5.0,M10.5.0/3', 'Africa/Ceuta Arctic/Longyearbyen Atlantic/Jan_Mayen CET Europe/Amsterdam Europe/Andorra Europe/Belgrade Europe/Berlin Europe/Bratislava ' +
    'Europe/Brussels Europe/Budapest Europe/Busingen Europe/Copenhagen Europe/Gibraltar Europe/Ljubljana Europe/Luxembourg Europe/Madrid ' +
    'Europe/Malta Europe/Monaco Europe/Oslo Europe/Paris Europe/Podgorica Europe/Prague Europe/Rome Europe/San_Marino Europe/Sarajevo ' +
    'Europe/Skopje Europe/Stockholm Europe/Tirane Europe/Vaduz Europe/Vatican Europe/Vienna Europe/Warsaw Europe/Zagreb Europe/Zurich Poland'],
  ['SAST-2', 'Africa/Johannesburg Africa/Maseru Africa/Mbabane'],
  ['CAT-2 26297280:180 26868780:120', 'Africa/Juba'],
  ['EET-2', 'Africa/Tripoli Europe/Kaliningrad Libya'],
  ['HST10HDT,M3.2.0,M11.1.0', 'America/Adak America/Atka US/Aleutian'],
  ['AKST9AKDT,M3.2.0,M11.1.0', 'America/Anchorage America/Juneau America/Metlakatla America/Nome America/Sitka America/Yakutat US/Alaska'],
  ['AST4', 'America/Anguilla America/Antigua America/Aruba America/Barbados America/Blanc-Sablon America/Curacao America/Dominica America/Grenada ' +
    'America/Guadeloupe America/Kralendijk America/Lower_Princes America/Marigot America/Martinique America/Montserrat America/Port_of_Spain ' +
    'America/Puerto_Rico America/Santo_Domingo America/St_Barthelemy America/St_Kitts America/St_Lucia America/St_Thomas America/St_Vincent ' +
    'America/Tortola America/Virgin'],
  ['<-03>3', 'America/Araguaina America/Argentina/Buenos_Aires America/Argentina/Catamarca America/Argentina/ComodRivadavia America/Argentina/Cordoba ' +
    'America/Argentina/Jujuy America/Argentina/La_Rioja America/Argentina/Mendoza America/Argentina/Rio_Gallegos America/Argentina/Salta ' +
    'America/Argentina/San_Juan America/Argentina/San_Luis America/Argentina/Tucuman America/Argentina/Ushuaia America/Bahia America/Belem ' +
    'America/Buenos_Aires America/Catamarca America/Cayenne America/Cordoba America/Fortaleza America/Jujuy America/Maceio America/Mendoza ' +
    'America/Montevideo America/Paramaribo America/Punta_Arenas America/Recife America/Rosario America/Santarem America/Sao_Paulo ' +
    'Antarctica/Palmer Antarctica/Rothera Atlantic/Stanley Brazil/East Etc/GMT+3'],
  ['<-03>3 26297280:-180 26414100:-240 26696400:-180 26948340:-240 27220560:-180 27472500:-240 27744720:-180 27996660:-240 28268880:-180 ' +
    '28520820:-240 28803120:-180', 'America/Asuncion'],
  ['EST5', 'America/Atikokan America/Cancun America/Cayman America/Coral_Harbour America/Jamaica America/Panama EST Jamaica'],
  ['CST6 26297280:-360 26434560:-300 26726820:-360 26958720:-300 27261060:-360 27482880:-300 27785220:-360', 'America/Bahia_Banderas America/Merida America/Mexico_City America/Monterrey Mexico/General'],
  ['CST6', 'America/Belize America/Costa_Rica America/El_Salvador America/Guatemala America/Managua America/Regina America/Swift_Current ' +
    'America/Tegucigalpa Canada/Saskatchewan'],
  ['<-04>4', 'America/Boa_Vista America/Campo_Grande America/Caracas America/Cuiaba America/Guyana America/La_Paz America/Manaus America/Porto_Velho ' +
    'Brazil/West Etc/GMT+4'],
  ['<-05>5', 'America/Bogota America/Eirunepe America/Guayaquil America/Lima America/Porto_Acre America/Rio_Branco Brazil/Acre Etc/GMT+5'],
  ['MST7MDT,M3.2.0,M11.1.0', 'America/Boise America/Cambridge_Bay America/Denver America/Edmonton America/Inuvik America/Shiprock America/Yellowknife Canada/Mountain ' +
    'MST7MDT Navajo US/Mountain'],
  ['CST6CDT,M3.2.0,M11.1.0', 'America/Chicago America/Indiana/Knox America/Indiana/Tell_City America/Knox_IN America/Matamoros America/Menominee ' +
    'America/North_Dakota/Beulah America/North_Dakota/Center America/North_Dakota/New_Salem America/Rainy_River America/Rankin_Inlet ' +
    'America/Resolute America/Winnipeg CST6CDT Canada/Central US/Central US/Indiana-Starke'],
  ['CST6 26297280:-420 26434620:-360 26726880:-420 26958780:-360 27261120:-420 27482940:-360', 'America/Chihuahua'],
  ['MST7MDT,M3.2.0,M11.1.0 26297280:-420 26394300:-360 26736960:-420 26928540:-360 27271200:-420 27452700:-360 27829800:-420', 'America/Ciudad_Juarez'],
  ['<-03>3 26297280:-180 26434260:-240 26656080:-180 26958420:-240 27180240:-180 27482580:-240 27714480:-180 28006740:-240 28228560:-180 ' +
    '28540980:-240 28762800:-180', 'America/Coyhaique'],
  ['MST7', 'America/Creston America/Dawson_Creek America/Fort_Nelson America/Hermosillo America/Phoenix MST US/Arizona'],
  ['MST7 26297280:-480 26394360:-420', 'America/Dawson America/Whitehorse Canada/Yukon'],
  ['EST5EDT,M3.2.0,M11.1.0', 'America/Detroit America/Fort_Wayne America/Grand_Turk America/Indiana/Indianapolis America/Indiana/Marengo America/Indiana/Petersburg ' +
    'America/Indiana/Vevay America/Indiana/Vincennes America/Indiana/Winamac America/Indianapolis America/Iqaluit America/Kentucky/Louisville ' +
    'America/Kentucky/Monticello America/Louisville America/Montreal America/Nassau America/New_York America/Nipigon America/Pangnirtung ' +
    'America/Port-au-Prince America/Thunder_Bay America/Toronto Canada/Eastern EST5EDT US/East-Indiana US/Eastern US/Michigan'],
  ['PST8PDT,M3.2.0,M11.1.0', 'America/Ensenada America/Los_Angeles America/Santa_Isabel America/Tijuana America/Vancouver Canada/Pacific Mexico/BajaNorte PST8PDT US/Pacific'],
  ['AST4ADT,M3.2.0,M11.1.0', 'America/Glace_Bay America/Goose_Bay America/Halifax America/Moncton America/Thule Atlantic/Bermuda Canada/Atlantic'],
  ['<-02>2<-01>,M3.5.0/-1,M10.5.0/0 26297280:-180 26424060:-120 26726460:-180 26948220:-120 27260700:-180 27472380:-120 27784860:-180 ' +
    '27996540:-120 28309020:-120', 'America/Godthab America/Nuuk'],
  ['CST5CDT,M3.2.0/0,M11.1.0/1', 'America/Havana Cuba'],
  ['MST7 26297280:-420 26434620:-360 26726880:-420 26958780:-360 27261120:-420 27482940:-360 27785280:-420', 'America/Mazatlan Mexico/BajaSur'],
  ['<-03>3<-02>,M3.2.0,M11.1.0', 'America/Miquelon'],
  ['<-02>2', 'America/Noronha Atlantic/South_Georgia Brazil/DeNoronha Etc/GMT+2'],
  ['CST6CDT,M3.2.0,M11.1.0 26297280:-420 26394300:-360 26736960:-420 26928540:-360 27271200:-420 27452700:-360 27795300:-360', 'America/Ojinaga'],
  ['<-04>4<-03>,M9.1.6/24,M4.1.6/24 26297280:-180 26434260:-240 26656080:-180 26958420:-240 27180240:-180 27482580:-240 27714480:-180', 'America/Santiago Chile/Continental'],
  ['<-02>2<-01>,M3.5.0/-1,M10.5.0/0 26297280:-60 26424060:0 26726460:-60 26948220:0 27260700:-60 27472380:0 27784860:-60 27996540:0 28309020:-60 ' +
    '28530780:-60', 'America/Scoresbysund'],
  ['NST3:30NDT,M3.2.0,M11.1.0', 'America/St_Johns Canada/Newfoundland'],
  ['<+08>-8 26297280:660 26393280:480 26695681:660 26927340:480 27219841:660 27451500:480 27744001:660 27971520:480', 'Antarctica/Casey'],
  ['<+07>-7', 'Antarctica/Davis Asia/Bangkok Asia/Barnaul Asia/Ho_Chi_Minh Asia/Hovd Asia/Krasnoyarsk Asia/Novokuznetsk Asia/Novosibirsk Asia/Phnom_Penh ' +
    'Asia/Saigon Asia/Tomsk Asia/Vientiane Etc/GMT-7 Indian/Christmas'],
  ['<+10>-10', 'Antarctica/DumontDUrville Asia/Ust-Nera Asia/Vladivostok Etc/GMT-10 Pacific/Chuuk Pacific/Port_Moresby Pacific/Truk Pacific/Yap'],
  ['AEST-10AEDT,M10.1.0,M4.1.0/3', 'Antarctica/Macquarie Australia/ACT Australia/Canberra Australia/Currie Australia/Hobart Australia/Melbourne Australia/NSW Australia/Sydney ' +
    'Australia/Tasmania Australia/Victoria'],
  ['<+05>-5', 'Antarctica/Mawson Asia/Aqtau Asia/Aqtobe Asia/Ashgabat Asia/Ashkhabad Asia/Atyrau Asia/Dushanbe Asia/Oral Asia/Qyzylorda Asia/Samarkand ' +
    'Asia/Tashkent Asia/Yekaterinburg Etc/GMT-5 Indian/Kerguelen Indian/Maldives'],
  ['NZST-12NZDT,M9.5.0,M4.1.0/3', 'Antarctica/McMurdo Antarctica/South_Pole NZ Pacific/Auckland'],
  ['<+03>-3', 'Antarctica/Syowa Asia/Aden Asia/Baghdad Asia/Bahrain Asia/Istanbul Asia/Kuwait Asia/Qatar Asia/Riyadh Etc/GMT-3 Europe/Istanbul Europe/Minsk Turkey'],
  ['<+00>0<+02>-2,M3.5.0/1,M10.5.0/3', 'Antarctica/Troll'],
  ['<+05>-5 26297280:420 28380660:300', 'Antarctica/Vostok'],
  ['<+05>-5 26297280:360 28487160:300', 'Asia/Almaty Asia/Qostanay'],
  ['<+03>-3 26297280:120 26421000:180 26733480:120 26945160:180 27257640:120 27429000:180', 'Asia/Amman'],
  ['<+12>-12', 'Asia/Anadyr Asia/Kamchatka Etc/GMT-12 Kwajalein Pacific/Funafuti Pacific/Kwajalein Pacific/Majuro Pacific/Nauru Pacific/Tarawa Pacific/Wake ' +
    'Pacific/Wallis'],
  ['<+04>-4', 'Asia/Baku Asia/Dubai Asia/Muscat Asia/Tbilisi Asia/Yerevan Etc/GMT-4 Europe/Astrakhan Europe/Samara Europe/Saratov Europe/Ulyanovsk ' +
    'Indian/Mahe Indian/Mauritius Indian/Reunion'],
  ['EET-2EEST,M3.5.0/0,M10.5.0/0', 'Asia/Beirut'],
  ['<+06>-6', 'Asia/Bishkek Asia/Dacca Asia/Dhaka Asia/Kashgar Asia/Omsk Asia/Thimbu Asia/Thimphu Asia/Urumqi Etc/GMT-6 Indian/Chagos'],
  ['<+08>-8', 'Asia/Brunei Asia/Choibalsan Asia/Irkutsk Asia/Kuala_Lumpur Asia/Kuching Asia/Singapore Asia/Ulaanbaatar Asia/Ulan_Bator Etc/GMT-8 Singapore'],
  ['IST-5:30', 'Asia/Calcutta Asia/Kolkata'],
  ['<+09>-9', 'Asia/Chita Asia/Dili Asia/Khandyga Asia/Yakutsk Etc/GMT-9 Pacific/Palau'],
  ['CST-8', 'Asia/Chongqing Asia/Chungking Asia/Harbin Asia/Macao Asia/Macau Asia/Shanghai Asia/Taipei PRC ROC'],
  ['<+0530>-5:30', 'Asia/Colombo'],
  ['<+03>-3 26297280:120 26421000:180 26733420:120 26945160:180 27257580:120 27469320:180', 'Asia/Damascus'],
  ['EET-2EEST,M3.5.0/3,M10.5.0/4', 'Asia/Famagusta Asia/Nicosia EET Europe/Athens Europe/Bucharest Europe/Helsinki Europe/Kiev Europe/Kyiv Europe/Mariehamn Europe/Nicosia ' +
    'Europe/Riga Europe/Sofia Europe/Tallinn Europe/Uzhgorod Europe/Vilnius Europe/Zaporozhye'],
  ['EET-2EEST,M3.4.4/50,M10.4.4/50 26297280:120 26422440:180 26724840:120 26946600:180 27257640:120 27472200:180 27783300:120 28045440:180 ' +
    '28307460:120 28559520:180 28831620:120 29073600:180 29355780:120 29577600:180 29879940:120 30101760:180 30414180:120 30625920:180 ' +
    '30938340:120 31150080:180 31462500:120 31684320:180 31986660:120 32208480:180 32510820:120 32732640:180 33045060:120 33256800:180 ' +
    '33569220:120 33780960:180 34093380:120 34305120:180 34617540:120 34839360:180 35131620:120 35363520:180 35645700:120 35665860:120', 'Asia/Gaza Asia/Hebron'],
  ['HKT-8', 'Asia/Hong_Kong Hongkong'],
  ['WIB-7', 'Asia/Jakarta Asia/Pontianak'],
  ['WIT-9', 'Asia/Jayapura'],
  ['IST-2IDT,M3.4.4/26,M10.5.0', 'Asia/Jerusalem Asia/Tel_Aviv Israel'],
  ['<+0430>-4:30', 'Asia/Kabul'],
  ['PKT-5', 'Asia/Karachi'],
  ['<+0545>-5:45', 'Asia/Kathmandu Asia/Katmandu'],
  ['<+11>-11', 'Asia/Magadan Asia/Sakhalin Asia/Srednekolymsk Etc/GMT-11 Pacific/Bougainville Pacific/Efate Pacific/Guadalcanal Pacific/Kosrae ' +
    'Pacific/Noumea Pacific/Pohnpei Pacific/Ponape'],
  ['WITA-8', 'Asia/Makassar Asia/Ujung_Pandang'],
  ['PST-8', 'Asia/Manila'],
  ['KST-9', 'Asia/Pyongyang Asia/Seoul ROK'],
  ['<+0630>-6:30', 'Asia/Rangoon Asia/Yangon Indian/Cocos'],
  ['<+0330>-3:30 26297280:210 26412270:270 26677170:210 26939310:270 27204210:210 27464910:270 27729810:210', 'Asia/Tehran Iran'],
  ['JST-9', 'Asia/Tokyo Japan'],
  ['<-01>1<+00>,M3.5.0/0,M10.5.0/1', 'Atlantic/Azores'],
  ['WET0WEST,M3.5.0/1,M10.5.0', 'Atlantic/Canary Atlantic/Faeroe Atlantic/Faroe Atlantic/Madeira Europe/Lisbon Portugal WET'],
  ['<-01>1', 'Atlantic/Cape_Verde Etc/GMT+1'],
  ['ACST-9:30ACDT,M10.1.0,M4.1.0/3', 'Australia/Adelaide Australia/Broken_Hill Australia/South Australia/Yancowinna'],
  ['AEST-10', 'Australia/Brisbane Australia/Lindeman Australia/Queensland'],
  ['ACST-9:30', 'Australia/Darwin Australia/North'],
  ['<+0845>-8:45', 'Australia/Eucla'],
  ['<+1030>-10:30<+11>-11,M10.1.0,M4.1.0', 'Australia/LHI Australia/Lord_Howe'],
  ['AWST-8', 'Australia/Perth Australia/West'],
  ['<-06>6<-05>,M9.1.6/22,M4.1.6/22 26297280:-300 26434260:-360 26656080:-300 26958420:-360 27180240:-300 27482580:-360 27714480:-300', 'Chile/EasterIsland Pacific/Easter'],
  ['IST-1GMT0,M10.5.0,M3.5.0/1', 'Eire Europe/Dublin'],
  ['<-10>10', 'Etc/GMT+10 Pacific/Rarotonga Pacific/Tahiti'],
  ['<-11>11', 'Etc/GMT+11 Pacific/Niue'],
  ['<-12>12', 'Etc/GMT+12'],
  ['<-06>6', 'Etc/GMT+6 Pacific/Galapagos'],
  ['<-07>7', 'Etc/GMT+7'],
  ['<-08>8', 'Etc/GMT+8 Pacific/Pitcairn'],
  ['<-09>9', 'Etc/GMT+9 Pacific/Gambier'],
  ['<+01>-1', 'Etc/GMT-1'],
  ['<+13>-13', 'Etc/GMT-13 Pacific/Enderbury Pacific/Fakaofo Pacific/Kanton Pacific/Tongatapu'],
  ['<+14>-14', 'Etc/GMT-14 Pacific/Kiritimati'],
  ['<+02>-2', 'Etc/GMT-2'],
  ['UTC0', 'Etc/UCT Etc/UTC Etc/Universal Etc/Zulu UCT UTC Universal Zulu'],
  ['GMT0BST,M3.5.0/1,M10.5.0', 'Europe/Belfast Europe/Guernsey Europe/Isle_of_Man Europe/Jersey Europe/London GB GB-Eire'],
  ['EET-2EEST,M3.5.0,M10.5.0/3', 'Europe/Chisinau Europe/Tiraspol'],
  ['MSK-3', 'Europe/Kirov Europe/Moscow Europe/Simferopol W-SU'],
  ['MSK-3 26297280:240 26817000:180', 'Europe/Volgograd'],
  ['HST10', 'HST Pacific/Honolulu Pacific/Johnston US/Hawaii'],
  ['MET-1MEST,M3.5.0,M10.5.0/3', 'MET'],
  ['<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45', 'NZ-CHAT Pacific/Chatham'],
  ['<+13>-13 26297280:840 26433480:780 26685480:840 26957640:780', 'Pacific/Apia'],
  ['<+12>-12 26297280:780 26312520:720 26806440:780 26846760:720', 'Pacific/Fiji'],
  ['ChST-10', 'Pacific/Guam Pacific/Saipan'],
  ['<-0930>9:30', 'Pacific/Marquesas'],
  ['SST11', 'Pacific/Midway Pacific/Pago_Pago Pacific/Samoa US/Samoa'],
  ['<+11>-11<+12>,M10.1.0,M4.1.0/3', 'Pacific/Norfolk'],
];
