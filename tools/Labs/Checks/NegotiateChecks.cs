using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 2: negotiate.</summary>
internal static class NegotiateChecks
{
    private const ushort Entropy = 4;
    private const ulong Offered = FeatureBit.Version1 | FeatureBit.EventIndex | FeatureBit.IndirectDescriptors;
    private const ulong Understood = FeatureBit.Version1 | FeatureBit.EventIndex | (1UL << 24) | (1UL << 35);

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("resets the device first, and waits for it", 15, "virtio 1.4, 3.1.1 and 4.1.4.3.2", Resets),
        new LabCheck("sets the status bits one after the other", 20, "virtio 1.4, 2.1.1 and 3.1.1", SetsBits),
        new LabCheck("accepts what is offered and understood, of all 64 bits", 20, "virtio 1.4, 2.2.1", Accepts),
        new LabCheck("reads FEATURES_OK back", 20, "virtio 1.4, 3.1.1, step 6", ReadsBack),
        new LabCheck("wants the modern interface", 10, "virtio 1.4, 6.1", WantsModern),
        new LabCheck("goes live with DRIVER_OK", 15, "virtio 1.4, 3.1.1, step 8", GoesLive),
    ];

    private static void Resets(StudentCode code)
    {
        using LabRig rig = Rig();
        VirtioFunction device = rig.Negotiated(Entropy, Understood);
        device.Common.Write8(CommonOffset.DeviceStatus, 15);
        bool wasReset = false;
        rig.Model.OnRegisterWrite = write => wasReset |= write == "status=0";
        rig.Model.ResetDelay = 4;
        Negotiator driver = code.Create<Negotiator>();
        rig.Do("Negotiate", () => driver.Negotiate(rig.Lab, device.Common, Understood));
        Expect.That(
            wasReset,
            "the device, which firmware had left running, was never reset",
            "0 is written to status, and then status is read until it is 0");
    }

    private static void SetsBits(StudentCode code)
    {
        using LabRig rig = Rig();
        VirtioFunction device = EarlierLabs.Find(rig.Lab, Entropy)!;
        List<string> writes = [];
        rig.Model.OnRegisterWrite = write =>
        {
            if (write.StartsWith("status=", System.StringComparison.Ordinal))
            {
                writes.Add(write["status=".Length..]);
            }
        };
        Negotiator driver = code.Create<Negotiator>();
        rig.Do("Negotiate", () => driver.Negotiate(rig.Lab, device.Common, Understood));
        string order = string.Join(", ", writes);
        Expect.That(
            order == "0, 1, 3, b",
            $"status was written as {(order.Length == 0 ? "nothing" : order)} (hexadecimal)",
            "0, 1, 3, b: reset, ACKNOWLEDGE, DRIVER, FEATURES_OK, with the earlier bits kept");
    }

    private static void Accepts(StudentCode code)
    {
        using LabRig rig = Rig();
        VirtioFunction device = EarlierLabs.Find(rig.Lab, Entropy)!;
        Negotiator driver = code.Create<Negotiator>();
        ulong? agreed = rig.Do("Negotiate", () => driver.Negotiate(rig.Lab, device.Common, Understood));
        ulong wanted = Offered & Understood;
        Expect.That(
            rig.Model.DriverFeatures == wanted,
            $"0x{rig.Model.DriverFeatures:x} was accepted, where 0x{Offered:x} is offered and 0x{Understood:x} "
                + "understood",
            $"0x{wanted:x}: what is in both, bits 0 to 31 by select 0 and 32 to 63 by select 1");
        Expect.That(
            agreed == wanted,
            $"Negotiate returned {(agreed is null ? "null" : $"0x{agreed:x}")}",
            $"what was accepted, 0x{wanted:x}");
    }

    private static void ReadsBack(StudentCode code)
    {
        using LabRig rig = Rig();
        rig.Model.RefusesFeatures = true;
        VirtioFunction device = EarlierLabs.Find(rig.Lab, Entropy)!;
        Negotiator driver = code.Create<Negotiator>();
        ulong? agreed = rig.Do("Negotiate", () => driver.Negotiate(rig.Lab, device.Common, Understood));
        Expect.That(
            agreed is null,
            "the device refused the features: FEATURES_OK read as 0 after it was written, and Negotiate went on",
            "null: status is read back after FEATURES_OK was written, and the bit is looked at");
        Expect.That(
            (rig.Model.Status & StatusBit.Failed) != 0,
            $"the driver gave up and left status at 0x{rig.Model.Status:x}",
            "FAILED (128) is set, so that everybody sees why the device is not used");
    }

    private static void WantsModern(StudentCode code)
    {
        using LabRig rig = Rig(FeatureBit.EventIndex);
        VirtioFunction device = EarlierLabs.Find(rig.Lab, Entropy)!;
        Negotiator driver = code.Create<Negotiator>();
        ulong? agreed = rig.Do("Negotiate", () => driver.Negotiate(rig.Lab, device.Common, Understood));
        Expect.That(
            agreed is null,
            "a device without VERSION_1 (bit 32) was accepted: it speaks only the legacy interface",
            "null, and FAILED: a driver of the modern interface cannot drive it");
        Expect.That(
            (rig.Model.Status & StatusBit.Failed) != 0,
            $"the driver gave up and left status at 0x{rig.Model.Status:x}",
            "FAILED (128) is set");
    }

    private static void GoesLive(StudentCode code)
    {
        using LabRig rig = Rig();
        VirtioFunction device = EarlierLabs.Find(rig.Lab, Entropy)!;
        Negotiator driver = code.Create<Negotiator>();
        rig.Do("Negotiate", () => driver.Negotiate(rig.Lab, device.Common, Understood));
        Expect.That(
            (rig.Model.Status & StatusBit.DriverOk) == 0,
            "Negotiate set DRIVER_OK: the device may use its queues from then on, and there are none yet",
            "DRIVER_OK is left to GoLive, after the queues");
        rig.Do("GoLive", () => driver.GoLive(rig.Lab, device.Common));
        Expect.That(
            rig.Model.Status == 15,
            $"after GoLive status is 0x{rig.Model.Status:x}",
            "0xf: ACKNOWLEDGE, DRIVER, FEATURES_OK and DRIVER_OK");
    }

    private static LabRig Rig(ulong offered = Offered) => new(memory => new EntropyDevice(memory), offered);
}
