/** Common emoji by group, each with the words that it is found by, in both languages. */
export const GROUPS = {
  faces: `
😀 grin happy 웃음 기쁨
😄 smile joy 미소 웃음
😁 beam teeth 활짝 웃음
😆 laugh haha 하하 ㅋㅋ
😅 sweat relief 땀 머쓱
😂 tears laugh lol 눈물 폭소 ㅋㅋ
🤣 rolling laugh 폭소 데굴 ㅋㅋㅋ
🙂 slight smile 미소
🙃 upside down 거꾸로
😉 wink 윙크
😊 blush warm 흐뭇 수줍
😇 angel innocent 천사
🥰 love adore 사랑 애정
😍 heart eyes 하트 눈 반함
😘 kiss 뽀뽀 키스
😋 yum tasty 맛있다 냠냠
😛 tongue 메롱
🤪 crazy zany 장난
🤨 doubt eyebrow 의심 갸웃
🧐 monocle inspect 탐구 관찰
🤓 nerd glasses 안경 공부
😎 cool sunglasses 선글라스 멋짐
🥳 party celebrate 파티 축하
😏 smirk 능글 씩
😒 unamused 시큰둥
😔 sad pensive 우울 시무룩
😟 worried 걱정
🙁 frown 찡그림
🥺 plead please 부탁 애원
😢 cry tear 눈물 슬픔
😭 sob crying 엉엉 오열 ㅠㅠ
😤 huff triumph 씩씩 분함
😠 angry 화남
😡 rage mad 분노 화
🤯 mind blown 충격 머리 폭발
😳 flushed shy 당황 부끄
🥵 hot heat 더위
🥶 cold freeze 추위
😱 scream fear 공포 비명 헉
😨 afraid 두려움
😰 anxious 불안 식은땀
🤗 hug 포옹 안아
🤔 think hmm 생각 고민 흠
🤫 quiet shh 쉿 조용
🤭 oops giggle 어머 키득
🫡 salute yes 경례 넵
🫠 melt 녹음
😐 neutral 무표정
😑 expressionless 무표정 어이
😬 grimace awkward 어색 이크
🙄 roll eyes 눈굴림 어휴
😴 sleep 잠 졸림 쿨쿨
🤤 drool 침
😷 mask sick 마스크 아픔
🤒 ill fever 열 감기
🤢 nausea 메스꺼움 우웩
🤧 sneeze cold 재채기 감기
😵‍💫 dizzy 어지러움
🤠 cowboy 카우보이
🤡 clown 광대
👻 ghost 유령 귀신
💀 skull dead 해골 죽음
👽 alien 외계인
🤖 robot bot 로봇
💩 poop 똥`,
  people: `
👍 thumbs up yes good like 좋아요 최고 엄지
👎 thumbs down no bad 싫어요 별로
👌 ok fine 오케이 좋아
✌️ peace victory 브이 승리
🤞 luck fingers crossed 행운 기원
🤟 love you 사랑해
🤙 call me 전화
👈 left 왼쪽
👉 right 오른쪽
👆 up this 위 이거
👇 down below 아래
☝️ one point 하나 잠깐
✋ stop hand 멈춤 손
👋 wave hello bye 안녕 인사
🙌 hooray praise 만세 야호
👏 clap applause 박수 짝짝
🤝 handshake deal 악수 합의
🙏 please thanks pray 부탁 감사 기도
💪 strong muscle 힘 화이팅
✍️ write 쓰기 메모
🫶 heart hands 손하트
🫰 finger heart 손가락 하트
👊 fist bump 주먹
✊ fist 주먹 투쟁
👀 eyes look 눈 봄 확인
🧠 brain 뇌 두뇌
🙋 raise hand me 저요 손들기
🙆 okay gesture 오케이 동그라미
🙅 no gesture 안돼 엑스
🤷 shrug dunno 글쎄 모름
🤦 facepalm 이런 이마
🙇 bow sorry 절 죄송 감사
💁 info sure 안내
🏃 run 달리기 급함
🚶 walk 걷기
💃 dance 춤
👶 baby 아기
🧑‍💻 developer coder 개발자 컴퓨터
👨‍👩‍👧 family 가족
👥 people group 사람들 모임`,
  hearts: `
❤️ heart love red 하트 사랑 빨강
🧡 orange heart 주황 하트
💛 yellow heart 노랑 하트
💚 green heart 초록 하트
💙 blue heart 파랑 하트
💜 purple heart 보라 하트
🖤 black heart 검정 하트
🤍 white heart 하양 하트
💔 broken heart 이별 상처
💕 two hearts 하트 사랑
💯 hundred perfect 백점 완벽
✅ check done yes 완료 확인 체크
☑️ ballot check 체크
❌ cross no wrong 아니 틀림 엑스
⭕ circle right 동그라미 맞음
❗ exclamation 느낌표 중요
❓ question 물음표 질문
⚠️ warning 경고 주의
🚫 forbidden 금지
➕ plus add 더하기
➖ minus 빼기
✨ sparkles new 반짝 새것
⭐ star 별
🌟 glowing star 별 빛
🔥 fire hot 불 대박
💥 boom 쾅 폭발
💢 anger 분노 빠직
💤 zzz sleep 잠
💬 speech chat 말풍선 대화
💭 thought 생각
🔔 bell 종 알림
🔕 mute bell 알림 끔
🎵 music note 음악 노래
🆗 ok button 오케이
🆕 new 새것
🔴 red circle 빨강
🟢 green circle 초록
🔵 blue circle 파랑`,
  nature: `
🐟 fish sockeye 물고기 연어
🐠 tropical fish 열대어
🐶 dog puppy 개 강아지
🐱 cat 고양이
🐭 mouse 쥐
🐰 rabbit 토끼
🦊 fox 여우
🐻 bear 곰
🐼 panda 판다
🐯 tiger 호랑이
🦁 lion 사자
🐷 pig 돼지
🐸 frog 개구리
🐵 monkey 원숭이
🙈 see no evil 안봐 원숭이
🐔 chicken 닭
🐧 penguin 펭귄
🐢 turtle slow 거북이 느림
🐛 bug caterpillar 벌레 버그
🦋 butterfly 나비
🐝 bee 벌
🦀 crab rust 게
🐙 octopus 문어
🐳 whale 고래
🌸 blossom cherry 벚꽃 꽃
🌹 rose 장미
🌻 sunflower 해바라기
🌷 tulip 튤립
🍀 clover luck 클로버 행운
🌲 tree 나무
🍁 maple autumn 단풍 가을
🌞 sun 해 햇빛
🌙 moon night 달 밤
☁️ cloud 구름
🌧️ rain 비
⛄ snowman winter 눈사람 겨울
❄️ snow 눈
⚡ lightning fast 번개 빠름
🌈 rainbow 무지개
🌊 wave sea 파도 바다`,
  food: `
☕ coffee 커피
🍵 tea 차 녹차
🍺 beer 맥주
🍻 cheers 건배
🍷 wine 와인
🥂 toast 건배 축하
🧋 bubble tea 버블티
🥤 drink soda 음료
🍚 rice 밥
🍜 noodles ramen 라면 국수
🍲 stew soup 찌개 국
🍙 rice ball 주먹밥 김밥
🍣 sushi 초밥
🥟 dumpling 만두
🍗 chicken leg 치킨
🍖 meat 고기
🍕 pizza 피자
🍔 burger 햄버거
🍟 fries 감자튀김
🌮 taco 타코
🥗 salad 샐러드
🍞 bread 빵
🥐 croissant 크루아상
🍳 egg breakfast 계란 아침
🍰 cake 케이크
🎂 birthday cake 생일
🍪 cookie 쿠키 과자
🍫 chocolate 초콜릿
🍩 donut 도넛
🍦 ice cream 아이스크림
🍎 apple 사과
🍊 tangerine orange 귤 오렌지
🍌 banana 바나나
🍓 strawberry 딸기
🍉 watermelon 수박
🍑 peach 복숭아`,
  things: `
🎉 party tada celebrate 축하 파티 폭죽
🎊 confetti 축하
🎁 gift present 선물
🎈 balloon 풍선
🏆 trophy win 우승 트로피
🥇 gold medal first 금메달 일등
🎯 target goal 목표 과녁
🚀 rocket launch ship 로켓 출시
✈️ plane travel 비행기 여행
🚄 train 기차
🚌 bus 버스
🚗 car 차
🚲 bicycle 자전거
🏠 home house 집
🏢 office 회사 사무실
🏫 school 학교
🏥 hospital 병원
🏖️ beach holiday 휴가 해변
⛰️ mountain 산
📅 calendar date 달력 일정
⏰ alarm clock 알람 시간
⏳ hourglass wait 기다림 시간
💻 laptop computer 노트북 컴퓨터
📱 phone 휴대폰 전화
📷 camera photo 사진 카메라
💡 idea bulb 아이디어 전구
🔍 search 찾기 검색
🔑 key 열쇠
🔒 lock 잠금
🔧 wrench fix 수리 고침
🔨 hammer build 망치
⚙️ gear settings 설정 톱니
📌 pin 고정 핀
📎 clip attach 첨부 클립
📝 memo note 메모 노트
📚 books study 책 공부
📊 chart 그래프 표
📈 growth up 상승 성장
📉 decline down 하락
📦 package box 상자 택배
✉️ mail letter 편지 메일
🗑️ trash delete 휴지통 삭제
💰 money 돈
🛒 cart shopping 장보기 쇼핑
⚽ football soccer 축구
🏀 basketball 농구
🎮 game 게임
🎬 movie 영화
🎤 karaoke sing 노래방 마이크
🎨 art paint 그림 미술
🇰🇷 korea flag 한국 태극기`,
};

export interface Emoji {
  emoji: string;
  words: string;
}

/** Those of each group, in order. */
export const emojiOf = (group: keyof typeof GROUPS): Emoji[] =>
  GROUPS[group].trim().split("\n").map((line) => {
    const space = line.indexOf(" ");
    return { emoji: line.slice(0, space), words: line.slice(space) };
  });

/** Those for which a word begins so. */
export function findEmoji(query: string): Emoji[] {
  const wanted = ` ${query.trim().toLowerCase().normalize("NFC")}`;
  const all = (Object.keys(GROUPS) as (keyof typeof GROUPS)[]).flatMap(emojiOf);
  return all.filter(({ words }) => words.includes(wanted));
}
