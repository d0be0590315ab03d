using System;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Linq;
using System.Reflection;
using System.Threading;
using VirtioGuest.Kernel;

namespace VirtioGuest.Labs.Guest;

/// <summary>
/// Runs a student's driver on the machine itself, with nothing else between it and the bus, and says what came of each
/// check: a line <c>lab: begin NAME</c>, then <c>lab: ok</c> with what was seen, or <c>lab: failed</c> with why.
/// </summary>
internal static class Program
{
    private static int Main()
    {
        BareMachine bare = VirtioGuest.Kernel.Guest.StartWithoutDrivers();
        LabMachine machine = new LabMachine(bare.Machine, bare.Configuration, new Patience());
        bool isGood = true;
        foreach ((string name, Func<string> run) in Students().SelectMany(each => BootChecks.Of(each, machine)))
        {
            Console.WriteLine($"lab: begin {name}");
            try
            {
                Console.WriteLine($"lab: ok {run()}");
            }
            catch (Exception e)
            {
                isGood = false;
                string text = e is DriverHangsException or WrongAccessException or NotDoneYetException
                    ? e.Message
                    : $"{e.GetType().Name}: {e.Message}";
                Console.WriteLine($"lab: failed {text.ReplaceLineEndings(" ")}");
            }
        }

        Console.WriteLine("lab: end");
        VirtioGuest.Kernel.Guest.Exit(!isGood);
        return 0;
    }

    [UnconditionalSuppressMessage("Trimming", "IL2026", Justification = "The project keeps all types of its own.")]
    [UnconditionalSuppressMessage("Trimming", "IL2067", Justification = "The project keeps all types of its own.")]
    private static object[] Students() =>
    [
        .. Assembly.GetExecutingAssembly().GetTypes()
            .Where(each => !each.IsAbstract
                && each.BaseType?.Assembly == typeof(LabMachine).Assembly
                && each.BaseType != typeof(LabWatch))
            .OrderBy(each => each.Name, StringComparer.Ordinal)
            .Select(each => Activator.CreateInstance(each)!),
    ];

    /// <summary>Nothing that a lab asks for takes longer.</summary>
    private sealed class Patience : LabWatch
    {
        private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(3);

        private readonly Stopwatch _watch = Stopwatch.StartNew();
        private TimeSpan _last;
        private TimeSpan _waiting;

        /// <inheritdoc/>
        public override void OnPause()
        {
            // Pauses that follow each other closely are one wait.
            TimeSpan now = _watch.Elapsed;
            _waiting = now - _last < TimeSpan.FromMilliseconds(50) ? _waiting + (now - _last) : TimeSpan.Zero;
            _last = now;
            if (_waiting > s_limit)
            {
                _waiting = TimeSpan.Zero;
                throw new DriverHangsException(
                    "the driver has waited for 3 seconds, and the device has not answered; without --boot the grader "
                    + "sees into the device, and says why");
            }
        }

        /// <inheritdoc/>
        public override void OnWait(LabInterrupt interrupt)
        {
            for (int i = 0; i < s_limit.TotalMilliseconds && !interrupt.HasArrived; i++)
            {
                Thread.Sleep(1);
            }

            if (!interrupt.HasArrived)
            {
                throw new DriverHangsException(
                    "the driver has slept for 3 seconds, and no interrupt came; without --boot the grader sees into "
                    + "the device, and says why");
            }
        }
    }
}
