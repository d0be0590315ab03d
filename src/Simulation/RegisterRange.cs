namespace VirtioGuest.Simulation;

/// <summary>Where on the bus a model answers.</summary>
/// <param name="Start">The physical address of its first byte.</param>
/// <param name="Length">Its size in bytes.</param>
/// <param name="Model">What answers.</param>
internal readonly record struct RegisterRange(ulong Start, ulong Length, RegisterModel Model);
