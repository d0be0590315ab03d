using System;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>What the network driver does with a network card.</summary>
internal static class NetStories
{
    /// <summary>Frames go both ways; the end comes while buffers of both queues are in flight.</summary>
    public static readonly DriverStory Traffic = new("network driver", "frames both ways, then stop", Exchange);

    /// <summary>The transmit queue is found broken in the middle of sending.</summary>
    public static readonly DriverStory BrokenQueue = new("network driver", "transmit queue broken", Break);

    /// <summary>Commands are given and answered; the end comes while the device has one.</summary>
    public static readonly DriverStory Commands = new("network driver", "commands, then stop", Command);

    private const int FrameLength = 100;
    private const int Frames = 6;
    private const int QueueSize = 2;

    private static void Exchange(SimulatedMachine machine, SimulatedDma dma)
    {
        NetDevice model = CreateModel(dma);
        VirtioNet card = Start(machine, model);
        LastFrame last = new LastFrame();
        for (int i = 1; i <= Frames; i++)
        {
            byte[] frame = FrameOf(i);
            Scenario.Require(card.TryTransmit(frame) == TransmitStatus.Ok, $"frame {i} is not taken");
            card.NotifyTransmit();
            model.Run();
            bool isSent = model.SentFrames.Count == i && model.SentFrames[^1].AsSpan().SequenceEqual(frame);
            Scenario.Require(isSent, $"frame {i} is not sent as it is");
            Scenario.Require(card.ReclaimTransmitted() == 1, $"the buffer of frame {i} does not come back");

            byte[] reply = FrameOf(100 + i);
            model.Receive(reply);
            model.Run();
            Scenario.Require(card.Receive(last, 1) == 1, $"frame {i} does not arrive");
            Scenario.Require(last.Bytes.AsSpan().SequenceEqual(reply), $"frame {i} arrives as another");
        }

        Scenario.Require(model.Findings.Count == 0, "the device finds fault with the driver");
        card.TryTransmit(FrameOf(0));
        Finish(card, dma);
    }

    private static unsafe void Break(SimulatedMachine machine, SimulatedDma dma)
    {
        HeldBackCompletion held = new HeldBackCompletion();
        NetDevice model = CreateModel(dma);
        model.Queues[NetDevice.TransmitQueue].Policy = held;
        VirtioNet card = Start(machine, model);
        Scenario.Require(card.TryTransmit(FrameOf(1)) == TransmitStatus.Ok, "the first frame is not taken");
        Scenario.Require(card.TryTransmit(FrameOf(2)) == TransmitStatus.Ok, "the second frame is not taken");
        card.NotifyTransmit();
        held.Release(1);
        model.Run();

        // A used descriptor that nobody asked for, where the second one is due: an id that no buffer has.
        byte* slot = dma.DeviceView(model.Queues[NetDevice.TransmitQueue].Areas.Descriptor + 16, 16);
        *(ushort*)(slot + 12) = 0x7777;
        *(ushort*)(slot + 14) = (1 << 7) | (1 << 15);
        Scenario.Require(card.TryTransmit(FrameOf(3)) == TransmitStatus.NotRunning, "the fault is not found");
        Scenario.Require(card.State == DeviceState.NeedsReset, "the fault has no consequence");
        Finish(card, dma);
    }

    private static void Command(SimulatedMachine machine, SimulatedDma dma)
    {
        // A hundred looks for an answer that never comes show what a million would.
        machine.Time.RelaxStep = 10_000_000;
        NetDevice model = new NetDevice(
            dma.GuestMemory, new byte[] { 2, 0, 0, 0, 0, 1 }, hasControlQueue: true)
        { RunsWhenNotified = true };
        model.OfferedFeatures |= NetFeature.Control;
        foreach (ModelQueue queue in model.Queues)
        {
            queue.MaximumSize = QueueSize;
        }

        VirtioNet card = new VirtioNet(
            Attachment.OverMmio(machine, model), "net0", new NoEvents(), new NetOptions(NetUses.Filters));
        Scenario.Require(card.TryStart(out Failure? failure), $"the card {failure}");
        for (int i = 1; i <= Frames; i++)
        {
            bool isRefused = i % 2 == 0;
            model.Commands.Answer = isRefused ? CommandAnswer.Error : CommandAnswer.Right;
            ControlStatus status = card.Control.TrySetVlan(i, isWanted: true);
            ControlStatus expected = isRefused ? ControlStatus.Refused : ControlStatus.Ok;
            Scenario.Require(status == expected, $"command {i} is answered by {status}");
            bool isKnown = model.Commands.Given[^1].AsSpan().SequenceEqual(new byte[] { 2, 0, (byte)i, 0 });
            Scenario.Require(isKnown, $"command {i} arrives as another");
        }

        Scenario.Require(model.Findings.Count == 0, "the device finds fault with the driver");
        model.Commands.Answer = CommandAnswer.Never;
        ControlStatus last = card.Control.TrySetVlan(Frames + 1, isWanted: true);
        Scenario.Require(last == ControlStatus.Unanswered, "a command is answered that was never read");
        Finish(card, dma);
    }

    private static NetDevice CreateModel(SimulatedDma dma)
    {
        NetDevice model = new NetDevice(dma.GuestMemory, new byte[] { 2, 0, 0, 0, 0, 1 });
        model.Queues[NetDevice.ReceiveQueue].MaximumSize = QueueSize;
        model.Queues[NetDevice.TransmitQueue].MaximumSize = QueueSize;
        return model;
    }

    private static VirtioNet Start(SimulatedMachine machine, NetDevice model)
    {
        VirtioNet card = new VirtioNet(Attachment.OverMmio(machine, model), "net0", new NoEvents());
        Scenario.Require(card.TryStart(out Failure? failure), $"the card {failure}");
        return card;
    }

    private static void Finish(VirtioNet card, SimulatedDma dma)
    {
        Scenario.Require(card.Stop(), "the card is not reset");
        Scenario.Require(dma.Freed == dma.Allocated, "the driver keeps memory");
    }

    private static byte[] FrameOf(int number)
    {
        byte[] frame = new byte[FrameLength];
        Array.Fill(frame, (byte)number);
        return frame;
    }

    private sealed class LastFrame : FrameSink
    {
        public byte[] Bytes { get; private set; } = Array.Empty<byte>();

        public override void OnFrame(ReadOnlySpan<byte> frame) => Bytes = frame.ToArray();
    }
}
