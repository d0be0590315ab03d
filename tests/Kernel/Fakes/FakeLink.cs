using System;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>A link with nobody at its other end.</summary>
internal sealed class FakeLink(bool isUp) : EthernetLink
{
    public override MacAddress Address => MacAddress.Parse("52:54:00:12:34:56");

    public override int Mtu => 1500;

    public override bool IsUp => isUp;

    public override bool TrySend(ReadOnlySpan<byte> frame) => true;
}

/// <summary>What the stack does at the end of a turn, for tests that send single frames.</summary>
internal static class SendingAtOnce
{
    public static bool TrySendNow(this EthernetLink link, ReadOnlySpan<byte> frame) =>
        link.TrySendNow(frame, default);

    public static bool TrySendNow(this EthernetLink link, ReadOnlySpan<byte> frame, in FrameOffload offload)
    {
        bool isTaken = offload.IsNone ? link.TrySend(frame) : link.TrySend(frame, offload);
        link.Flush();
        return isTaken;
    }
}
