using System;

namespace VirtioGuest.Simulation;

/// <summary>Takes a processor out of whatever it is in, because its schedule is over.</summary>
internal sealed class ScheduleAbandonedException : Exception
{
    /// <summary>The one instance: it carries nothing.</summary>
    internal static readonly ScheduleAbandonedException Instance = new();
}
