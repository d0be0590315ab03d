using System;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>What the entropy driver does with an entropy device.</summary>
internal static class EntropyStories
{
    /// <summary>Bytes are asked for again and again; the end comes while the device has the buffer.</summary>
    public static readonly DriverStory Traffic = new("entropy driver", "ask and take, then stop", Run);

    private const int Count = VirtioEntropy.MaximumLength;
    private const int Rounds = 4;

    private static void Run(SimulatedMachine machine, SimulatedDma dma)
    {
        EntropyDevice model = new EntropyDevice(dma.GuestMemory);
        byte[] expected = EntropyDevice.First(Rounds * Count);
        VirtioDriver driver = DriverRegistry.Find(model.DeviceType)!;
        VirtioEntropy entropy = (VirtioEntropy)driver.Create(
            Attachment.OverMmio(machine, model), "rng0", new NoEvents());
        Scenario.Require(entropy.TryStart(out Failure? failure), $"the device {failure}");
        byte[] bytes = new byte[Count];
        for (int round = 0; round < Rounds; round++)
        {
            Scenario.Require(entropy.TryAsk(Count), "the device is busy");
            model.Run();
            Scenario.Require(entropy.TryTake(bytes, out int count) && count == Count, "there is no answer");
            bool isRight = bytes.AsSpan().SequenceEqual(expected.AsSpan(round * Count, Count));
            Scenario.Require(isRight, $"the bytes of round {round} are others");
        }

        Scenario.Require(model.Findings.Count == 0, "the device finds fault with the driver");
        entropy.TryAsk(Count);
        Scenario.Require(entropy.Stop(), "the device is not reset");
        Scenario.Require(dma.Freed == dma.Allocated, "the driver keeps memory");
    }
}
