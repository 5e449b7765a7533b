import { VoiceChat } from "@/components/VoiceChat";

export default function Page() {
  return <VoiceChat />;
}
