using System;

namespace VirtioGuest.Simulation;

/// <summary>A processor of a <see cref="Scenario"/>.</summary>
internal sealed record ScenarioProcessor(string Name, Action Body, bool IsBackground);
