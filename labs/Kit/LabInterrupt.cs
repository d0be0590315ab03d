using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Labs;

/// <summary>An interrupt of a device, to be waited for.</summary>
public sealed class LabInterrupt
{
    private readonly LabWatch _watch;
    private int _arrived;
    private int _seen;

    private LabInterrupt(LabWatch watch)
    {
        _watch = watch;
    }

    /// <summary>How often it has come.</summary>
    public int Count => Volatile.Read(ref _arrived);

    /// <summary>Whether it has come since the last wait.</summary>
    public bool HasArrived => Count != _seen;

    /// <summary>Waits until it comes; not at all if it has come since the last wait.</summary>
    public void Wait()
    {
        while (!HasArrived)
        {
            _watch.OnWait(this);
        }

        _seen = Count;
    }

    internal static LabInterrupt Open(
        Machine machine, ConfigurationAccess configuration, byte device, ushort vector, LabWatch watch)
    {
        PciTopology topology = PciTopology.Discover(configuration, machine.Log);
        PciFunction function = topology.Find(new PciAddress(0, 0, device, 0))
            ?? throw new WrongAccessException($"There is no device {device}.");
        MsixTable? table = MsixTable.Open(function, machine);
        if (table is null || vector >= table.VectorCount)
        {
            throw new WrongAccessException($"Device {device} has no MSI-X vector {vector}.");
        }

        LabInterrupt interrupt = new LabInterrupt(watch);
        MessageInterrupt message = machine.Interrupts.AllocateMessage("lab", new Arrival(interrupt))
            ?? throw new WrongAccessException("The machine has no interrupt left.");
        if (!table.TryProgram(vector, message.Address, message.Data) || !table.Enable())
        {
            throw new WrongAccessException("MSI-X cannot be set up.");
        }

        table.Unmask(vector);
        return interrupt;
    }

    private sealed class Arrival(LabInterrupt interrupt) : InterruptHandler
    {
        public override bool OnInterrupt()
        {
            Interlocked.Increment(ref interrupt._arrived);
            return true;
        }
    }
}
