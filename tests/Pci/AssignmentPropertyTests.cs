using System.Collections.Generic;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

/// <summary>
/// What holds for any tree of bridges and any mix of assigned, unassigned and senseless registers. A failure prints the
/// seed and the smallest tree; each number of it makes one function, see <see cref="Build"/>.
/// </summary>
public sealed class AssignmentPropertyTests
{
    private static readonly AddressRange s_low = new AddressRange(0xC0000000, 0x3C000000);
    private static readonly AddressRange s_high = new AddressRange(0x8000000000, 0x8000000000);
    private static readonly AddressRange s_reserved = new AddressRange(0xC1234000, 0x5000);

    [Test]
    public void Assigned_ranges_are_aligned_reachable_and_never_overlap() =>
        Prop.ForAll(Trees(), numbers =>
        {
            SimulatedMachine machine = new SimulatedMachine();
            Build(machine.Host.Root, numbers);
            PciTopology topology = machine.Discover();
            BaseAddressAssignment assignment = new BaseAddressAssignment(machine.Log);
            assignment.AddMemoryWindow(s_low);
            assignment.AddMemoryWindow(s_high);
            assignment.ReserveMemory(s_reserved);
            assignment.AddIoWindow(new AddressRange(0x1000, 0xF000));
            assignment.Assign(topology);
            TurnOn(topology);
            CheckAll(machine, topology);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

    private static Arbitrary<uint[]> Trees()
    {
        Gen<uint> number = Gen.Choose(0, 0xFFFF).Two().Select(pair => ((uint)pair.Item1 << 16) | (uint)pair.Item2);
        return Arb.From(number.ArrayOf(), ArbMap.Default.ArbFor<uint[]>().Shrinker);
    }

    /// <summary>
    /// Adds a function for each number: bits 0 to 1 what it is (3 a bridge, behind which the following ones go), bits 2
    /// to 5 its size, bits 6 to 7 its state (0 and 1 unassigned, 2 assigned somewhere, 3 with decode on), the rest
    /// where.
    /// </summary>
    private static void Build(SimulatedBus root, uint[] numbers)
    {
        SimulatedBus bus = root;
        int[] used = new int[numbers.Length + 1];
        int depth = 0;
        foreach (uint number in numbers)
        {
            if (used[depth] == 32)
            {
                return;
            }

            int device = used[depth]++;
            if ((number & 3) == 3)
            {
                SimulatedBridge bridge = bus.Add(device, 0, new SimulatedBridge((number & 4) == 0));
                if ((number & 0x40) != 0)
                {
                    bridge.WithMemoryWindow(number & 0xFFF00000, (number & 0xFFF00000) + ((number & 0x3C) << 18));
                }

                bus = bridge.Behind;
                depth++;
                used[depth] = 0;
                continue;
            }

            SimulatedFunction function = bus.Add(device, 0, new SimulatedFunction(0x1AF4, 0x1042));
            int shift = (int)(number >> 2) & 15;
            uint place = (number & 0x80) != 0 ? number & 0xFFFFF000 : 0;
            switch (number & 3)
            {
                case 0:
                    function.WithMemory32(0, 16u << shift, place & ~((16u << shift) - 1), (number & 0x100) != 0);
                    break;
                case 1:
                    ulong size = 16UL << (2 * shift);
                    function.WithMemory64(2, size, ((ulong)place << 8) & ~(size - 1), (number & 0x100) != 0);
                    break;
                default:
                    uint ports = 4u << (shift & 7);
                    function.WithIo(4, ports, (place >> 12) & 0xFFFF & ~(ports - 1));
                    break;
            }

            function.Command = (ushort)((number & 0xC0) == 0xC0 ? 3 : 0);
        }
    }

    private static void TurnOn(PciTopology topology)
    {
        foreach (PciFunction function in topology.Functions)
        {
            foreach (BaseAddressRegister register in function.BaseAddresses)
            {
                if (register.IsAssigned && register.IsIo)
                {
                    function.IoDecode = true;
                }
                else if (register.IsAssigned)
                {
                    function.MemoryDecode = true;
                }
            }
        }
    }

    private static void CheckAll(SimulatedMachine machine, PciTopology topology)
    {
        List<(AddressRange Range, bool IsIo)> seen = new List<(AddressRange, bool)>();
        foreach (PciFunction function in topology.Functions)
        {
            foreach (BaseAddressRegister register in function.BaseAddresses)
            {
                if (!register.IsAssigned)
                {
                    continue;
                }

                AddressRange range = new AddressRange(register.Address, register.Length);
                Assert.That(register.Address % register.Length, Is.Zero, $"{function.Address} is aligned");
                Assert.That(!register.IsIo && range.Overlaps(s_reserved), Is.False, $"{function.Address} reserved");
                foreach ((AddressRange other, bool isIo) in seen)
                {
                    bool overlaps = isIo == register.IsIo && other.Overlaps(range);
                    Assert.That(overlaps, Is.False, $"{function.Address} overlaps");
                }

                seen.Add((range, register.IsIo));
                foreach (ulong address in new[] { range.Start, range.Last })
                {
                    var answers = machine.Host.Decode(register.IsIo, address);
                    Assert.That(answers, Has.Count.EqualTo(1), $"who answers 0x{address:X} of {function.Address}");
                    Assert.That(answers[0].Index, Is.EqualTo(register.Index));
                    Assert.That(answers[0].Offset, Is.EqualTo(address - range.Start));
                }
            }
        }
    }
}
