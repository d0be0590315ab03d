using System.Collections.Generic;
using VirtioGuest.Devices;

namespace VirtioGuest.Conformance.Tests.Drivers;

/// <summary>Drivers that go wrong about their transport (virtio 1.4, 4).</summary>
internal static class WrongTransports
{
    private const byte Msix = 0x11;
    private const byte Vendor = 0x09;
    private const byte CommonKind = 1;
    private const byte WindowKind = 5;

    public static IEnumerable<WrongDriver> Pci()
    {
        TinySetup plain = Setups.Disk();
        TinySetup named = Setups.Disk(FeatureBit.NotificationConfigurationData) with { Prepare = Name };
        TinySetup both = Setups.Disk(FeatureBit.NotificationConfigurationData | FeatureBit.NotificationData) with
        {
            Prepare = Name,
        };
        yield return new("drv.pci.5", "reads half a field", plain, driver =>
            driver.After("confirm", () => driver.ReadField(0, 2)));
        yield return new("drv.pci.14", "writes a capability", plain, driver =>
            driver.After("command", () =>
                driver.Machine.WritePci(driver.Machine.FindCapability(Vendor, CommonKind) + 8, 4, 0)));
        yield return new("drv.pci.15", "writes num_queues", plain, driver =>
            driver.After("confirm", () => driver.Machine.Write(0x12, 2, 1)));
        yield return new("drv.pci.16", "asks for a queue of no descriptors", Setups.Disk(Setups.Packed), driver =>
            Resize(driver, 0));
        yield return new("drv.pci.17", "asks for a queue of 6 descriptors", plain, driver => Resize(driver, 6));
        yield return new("drv.pci.18", "enables a queue without its addresses", plain, driver =>
        {
            driver.Replace("queues", () => driver.SetUpQueue(0, hasAddresses: false));
            driver.Omit("work");
        });
        yield return new("drv.pci.18", "changes the size of an enabled queue", plain, driver =>
            driver.After("queues", () => driver.Machine.Write(0x18, 2, 4)));
        yield return new("drv.pci.19", "does not wait for the reset", plain, driver => driver.Omit("wait"));
        yield return new("drv.pci.20", "disables a queue", plain, driver =>
            driver.After("work", () => driver.Machine.Write(0x1C, 2, 0)));
        yield return new(
            "drv.pci.21",
            "enables a queue whose reset it did not wait for",
            Setups.Disk(FeatureBit.RingReset),
            driver => driver.After("work", () =>
            {
                WrongLives.ResetQueue(driver, waits: false);
                driver.SetUpQueue(0);
            }));
        yield return new("drv.pci.26", "reads ISR status with MSI-X", plain, driver =>
            driver.After("work", () =>
            {
                driver.Machine.WritePci(driver.Machine.FindCapability(Msix) + 2, 2, 0x8000);
                driver.Machine.Read(TinyMachine.Isr, 1);
            }));
        yield return new("drv.pci.29", "looks through the window at an odd place", plain, driver =>
            driver.After("work", () => LookThroughWindow(driver, 2, 4)));
        yield return new("drv.pci.30", "looks through the window beside the structures", plain, driver =>
            driver.After("work", () => LookThroughWindow(driver, 0x500, 4)));
        yield return new("drv.pci.34", "asks for a vector that is not there", plain, driver =>
            driver.QueueVector = 9);
        yield return new("drv.pci.35", "does not look whether it got its vector", plain, driver =>
            driver.Replace("vector", () => driver.Machine.Write(0x10, 2, 1)));
        yield return new("drv.pci.37", "notifies with 32 bits", plain, driver =>
            driver.After("live", () => driver.Machine.Write(TinyMachine.Notify, 4, 0)));
        yield return new("drv.pci.38", "notifies without data", Setups.Disk(FeatureBit.NotificationData), driver =>
            driver.After("live", () => driver.Machine.Write(TinyMachine.Notify, 2, 0)));
        yield return new("drv.pci.39", "notifies a queue that is not there", plain, driver =>
            driver.After("live", () => driver.Machine.Write(TinyMachine.Notify, 2, 5)));
        yield return new("drv.pci.40", "notifies with the wrong index", Setups.Disk(FeatureBit.NotificationData),
            driver => driver.After("live", () => driver.Machine.Write(TinyMachine.Notify, 4, 5)));
        yield return new("drv.pci.41", "notifies by the index where the device has a name", named, driver =>
            driver.After("live", () => driver.Machine.Write(TinyMachine.Notify, 2, 0)));
        yield return new("drv.pci.42", "notifies by the index where the device has a name", both, driver =>
            driver.After("live", () => driver.Machine.Write(TinyMachine.Notify, 4, 0)));
        yield return new("drv.pci.44", "writes half of a field", plain, driver =>
            driver.After("confirm", () => driver.Machine.Write(0x00, 2, 0)));
        yield return new("drv.pci.45", "notifies at the place of no queue", Setups.Card(), driver =>
            driver.After("live", () => driver.Machine.Write(TinyMachine.Notify + 8, 2, 0)));
        yield return new("drv.pci.46", "configures a queue that is not there", plain, driver =>
            driver.After("queues", () =>
            {
                driver.Machine.Write(0x16, 2, 7);
                driver.Machine.Read(0x18, 2);
                driver.Machine.Write(0x18, 2, 8);
            }));
        yield return new("drv.pci.47", "asks for a queue that is too large", plain, driver => Resize(driver, 16));
        yield return new("drv.pci.48", "leaves bus mastering off", plain, driver =>
        {
            driver.Replace("command", () => driver.Machine.WritePci(4, 2, 2));
            driver.Omit("work");
        });
    }

    public static IEnumerable<WrongDriver> Mmio()
    {
        TinySetup plain = Setups.Mmio();
        yield return new("drv.mmio.1", "reads a register that is not there", plain, driver =>
            driver.After("live", () => driver.Machine.Read(0x018, 4)));
        yield return new("drv.mmio.2", "writes the magic value", plain, driver =>
            driver.After("live", () => driver.Machine.Write(0x000, 4, 0)));
        yield return new("drv.mmio.3", "reads a register for writing", plain, driver =>
            driver.After("live", () => driver.Machine.Read(0x038, 4)));
        yield return new("drv.mmio.4", "reads a byte of a register", plain, driver =>
            driver.After("live", () => driver.Machine.Read(0x070, 1)));
        yield return new("drv.mmio.5", "reads half a field", plain, driver =>
            driver.After("confirm", () => driver.ReadField(0, 2)));
        yield return new("drv.mmio.12", "reads features without a selection", plain, driver =>
            driver.Before("offer", () => driver.Machine.Read(0x010, 4)));
        yield return new("drv.mmio.13", "writes features without a selection", plain, driver =>
            driver.Before("accept", () => driver.Machine.Write(0x020, 4, 0)));
        yield return new("drv.mmio.14", "asks for a queue that is too large", plain, driver => Resize(driver, 16));
        yield return new("drv.mmio.15", "changes the size of a queue that is ready", plain, driver =>
            driver.After("queues", () => driver.Machine.Write(0x038, 4, 4)));
        yield return new("drv.mmio.19", "does not acknowledge an interrupt", plain, driver =>
            driver.After("work", () => driver.Machine.Read(0x060, 4)));
        yield return new("drv.mmio.20", "acknowledges everything", plain, driver =>
            driver.After("work", () => driver.Machine.Write(0x064, 4, 0xFFFF)));
        yield return new(
            "drv.mmio.21",
            "makes a queue ready whose reset it did not wait for",
            Setups.Mmio(FeatureBit.RingReset),
            driver => driver.After("work", () =>
            {
                driver.Machine.Write(0x030, 4, 0);
                driver.Machine.Write(0x0C0, 4, 1);
                driver.SetUpQueue(0);
            }));
        yield return new("drv.mmio.24", "does not look what it has found", plain, driver => driver.Omit("identify"));
        yield return new("drv.mmio.25", "does not look whether there is a device", plain, driver =>
            driver.Replace("identify", () =>
            {
                driver.Machine.Read(0x000, 4);
                driver.Machine.Read(0x004, 4);
            }));
    }

    private static void Name(VirtioDeviceModel model) => model.Queues[0].NotificationConfigurationData = 0x77;

    private static void Resize(TinyDriver driver, uint size)
    {
        driver.ChooseSize = _ => size;
        driver.Omit("work");
    }

    private static void LookThroughWindow(TinyDriver driver, uint offset, uint length)
    {
        uint window = driver.Machine.FindCapability(Vendor, WindowKind);
        driver.Machine.WritePci(window + 4, 1, 0);
        driver.Machine.WritePci(window + 8, 4, offset);
        driver.Machine.WritePci(window + 12, 4, length);
        driver.Machine.ReadPci(window + 16, 4);
    }
}
