using VirtioGuest.Conformance.Events;
using VirtioGuest.Devices;

namespace VirtioGuest.Conformance.Judge;

/// <summary>What is particular to a PCI function (virtio 1.4, 4.1).</summary>
internal sealed class PciRules : RuleSet
{
    private const ushort BusMaster = 1 << 2;

    private ushort? _configurationVector;
    private bool _isConfigurationVectorRead;

    /// <inheritdoc/>
    public override void OnAccess(Access access)
    {
        switch (access.Region)
        {
            case RegisterRegion.Pci:
                OnPci(access);
                break;
            case RegisterRegion.Common:
                OnCommon(access);
                break;
            case RegisterRegion.Isr when !access.IsWrite:
                Expect("drv.pci.26", !Device.IsMsixEnabled, "isr", $"ISR status was read with MSI-X enabled");
                break;
            default:
                break;
        }
    }

    private void OnCommon(Access access)
    {
        Expect(
            "drv.pci.44",
            access.IsExact,
            $"common+{access.Offset:x}",
            $"{8 * access.Width} bits at {access.Offset:x} are no field");
        if (!access.IsExact)
        {
            return;
        }

        if (access.IsWrite)
        {
            Expect("drv.pci.15", access.CanWrite, access.Register.ToString(), $"{access.Register} was written");
        }

        if (access.Register == Register.ConfigurationVector)
        {
            _configurationVector = access.IsWrite ? (ushort)access.Value : _configurationVector;
            _isConfigurationVectorRead = !access.IsWrite;
        }

        if (access.IsWrite && access.Register is Register.ConfigurationVector or Register.QueueVector
            && access.Value != QueueView.NoVector && Device.Facts.Vectors is int vectors)
        {
            Expect(
                "drv.pci.34",
                !access.IsWrite || access.Value < (uint)vectors,
                access.Register.ToString(),
                $"vector {access.Value} of {vectors} was asked for");
        }

        if (access.Writes(Register.Status))
        {
            OnStatus((byte)access.Value);
        }
    }

    private void OnStatus(byte value)
    {
        if (value == 0)
        {
            _configurationVector = null;
            return;
        }

        if ((value & ~Device.Status & StatusBit.DriverOk) == 0 || Device.IsSuspended)
        {
            return;
        }

        if (_configurationVector is ushort vector && vector != QueueView.NoVector)
        {
            Expect(
                "drv.pci.35",
                _isConfigurationVectorRead,
                "config_msix_vector",
                $"vector {vector} was not read back before DRIVER_OK");
        }

        foreach (QueueView each in Device.Queues)
        {
            if (each.Vector is ushort asked && asked != QueueView.NoVector)
            {
                Expect(
                    "drv.pci.35",
                    each.IsVectorRead,
                    PlaceOf(each.Index),
                    $"vector {asked} was not read back before DRIVER_OK");
            }
        }

        if (Device.Facts.SeesPci && Device.Command is ushort command)
        {
            bool isMaster = (command & BusMaster) != 0;
            Expect("drv.pci.48", isMaster, "command", $"DRIVER_OK was set while the command register is {command:x}");
        }
    }

    private void OnPci(Access access)
    {
        PciWindow window = Device.Window;
        if (access.IsWrite)
        {
            foreach ((uint offset, uint length) in Device.Facts.Capabilities)
            {
                if (access.Offset >= offset && access.Offset < offset + length)
                {
                    Expect(
                        "drv.pci.14",
                        window.IsWritable(access.Offset),
                        $"capability {offset:x}",
                        $"{access.Value:x} was written at {access.Offset:x}");
                }
            }
        }

        if (window.IsThrough(access.Event))
        {
            Expect(
                "drv.pci.29",
                window.IsAligned,
                "window",
                $"{window.Length} bytes at {window.Offset:x} were accessed");
            if (window.IsAligned)
            {
                Expect(
                    "drv.pci.30",
                    window.IsInStructure,
                    "window",
                    $"{window.Length} bytes at {window.Offset:x} of BAR {window.Bar} are no structure");
            }
        }
    }
}
